//! Speech and conversations without any account or network.
