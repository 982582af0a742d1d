//! The adapters of the platform keep the rules of their ports.

parlance_contract::password_hasher_contract!(crate::support::hasher(1, 16));
parlance_contract::access_tokens_contract!(crate::support::access_tokens());
parlance_contract::sealer_contract!(crate::support::sealer);
