"""Between HTTP and the routes: reading requests, bodies and ranges, writing pages and contents."""
