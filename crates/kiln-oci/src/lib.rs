//! OCI references, descriptors, manifests, layouts and archives, as byte-stable JSON.
