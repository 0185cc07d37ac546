//! Private services.
