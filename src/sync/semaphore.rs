//! Permits that are acquired and given back.
