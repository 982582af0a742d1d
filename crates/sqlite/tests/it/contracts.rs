//! The rules of the ports, over SQLite.

mod accounts {
    parlance_contract::account_store_contract!(crate::support::stores());
}

mod admin {
    parlance_contract::account_directory_contract!(crate::support::stores());
}

mod changes {
    parlance_contract::account_change_contract!(crate::support::stores());
}

mod secrets {
    parlance_contract::secret_store_contract!(crate::support::stores());
}

mod second_factors {
    parlance_contract::second_factor_store_contract!(crate::support::stores());
}

mod sessions {
    parlance_contract::session_store_contract!(crate::support::stores());
}

mod passkeys {
    parlance_contract::passkey_store_contract!(crate::support::stores());
}

mod identities {
    parlance_contract::identity_store_contract!(crate::support::stores());
}

mod authorizations {
    parlance_contract::authorization_store_contract!(crate::support::stores());
}

mod api_keys {
    parlance_contract::api_key_store_contract!(crate::support::stores());
}

mod devices {
    parlance_contract::device_store_contract!(crate::support::stores());
}

mod lockouts {
    parlance_contract::lockout_store_contract!(crate::support::stores());
}

mod audit {
    parlance_contract::audit_store_contract!(crate::support::stores());
}

mod mail {
    parlance_contract::outbox_contract!(crate::support::stores());

    #[tokio::test]
    async fn a_mail_that_cannot_be_read_keeps_no_other_from_being_taken() {
        let (stores, tamper) = crate::support::unguarded();
        parlance_contract::mail::a_mail_that_cannot_be_read_keeps_no_other_from_being_taken(&stores, tamper)
            .await;
    }
}

mod exports {
    parlance_contract::export_store_contract!(crate::support::stores());
}

mod held {
    parlance_contract::held_data_contract!(crate::support::stores());
}

mod words {
    parlance_contract::word_store_contract!(crate::support::stores());
}

mod transfer {
    parlance_contract::transfer_contract!(crate::support::installation());
}

mod progress {
    parlance_contract::progress_store_contract!(crate::support::stores());
}

mod provider_keys {
    parlance_contract::provider_key_store_contract!(crate::support::stores());
}

mod settings {
    parlance_contract::settings_store_contract!(crate::support::stores());
}

mod spending {
    parlance_contract::spending_contract!(crate::support::stores());
}

mod idempotency {
    parlance_contract::idempotency_contract!(crate::support::stores());
}

mod deletion {
    parlance_contract::deletion_contract!(crate::support::unguarded());
}
