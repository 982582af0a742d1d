//! The rules of the port, over each kind of store.

mod directory {
    parlance_contract::audio_store_contract!(crate::support::in_directory());
}

mod amazon {
    parlance_contract::audio_store_contract!(crate::amazon::in_bucket().await);
}

mod google {
    parlance_contract::audio_store_contract!(crate::google::in_bucket().await);
}

mod without_conditions {
    parlance_contract::audio_store_contract!(crate::google::in_bucket_without_conditions().await);
}
