//! The HTTP face of Parlance: routes, views and their description.
