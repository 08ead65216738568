"""HTTP around the routes: protocol, middleware, errors as answers, the API's description."""
