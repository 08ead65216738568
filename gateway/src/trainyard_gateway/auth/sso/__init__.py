"""Single sign-on: an OpenID provider says who a caller is."""
