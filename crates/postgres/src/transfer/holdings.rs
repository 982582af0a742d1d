//! What is held of one learner besides their progress.

use diesel::result::{Error as DieselError, OptionalExtension};
use diesel::sql_types::Uuid as SqlUuid;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures_util::future::{try_join3, try_join5};
use parlance_domain::accounts::Session;
use parlance_domain::ids::UserId;
use parlance_domain::transfer::Holdings;
use uuid::Uuid;

use crate::accounts::insert::insert;
use crate::accounts::row::{
    AccountColumns, AccountRow, SessionColumns, SessionRow, account_columns, session_columns,
};
use crate::accounts::{
    ApiKeyRow, DeviceRow, IdentityRow, PasskeyRow, SecondFactorRows, api_key_rows, device_rows,
    identity_rows, keep_api_key, keep_device, keep_identity, keep_passkey, keep_second_factor, passkey_rows,
    second_factor_rows, to_identities, to_passkeys, to_second_factor,
};
use crate::convert::CorruptRow;
use crate::database::StoreError;
use crate::settings;
use crate::statement::statement;

statement!(
    Account(id: Uuid => SqlUuid) -> (AccountColumns,)
        = concat!("SELECT ", account_columns!(), " FROM accounts WHERE id = ?")
);
statement!(
    Sessions(user_id: Uuid => SqlUuid) -> (SessionColumns,)
        = concat!("SELECT ", session_columns!(), " FROM sessions WHERE user_id = ? ORDER BY id")
);

/// What is held of a learner, as it was read.
pub(super) struct HoldingRows {
    account: Option<(AccountRow,)>,
    sessions: Vec<(SessionRow,)>,
    devices: Vec<DeviceRow>,
    second_factor: SecondFactorRows,
    passkeys: Vec<PasskeyRow>,
    identities: Vec<IdentityRow>,
    api_keys: Vec<ApiKeyRow>,
    settings: Option<settings::SettingsRow>,
    provider_keys: Vec<settings::KeyRow>,
}

/// Reads what is held, all at once.
pub(super) async fn read(connection: &AsyncPgConnection, id: UserId) -> Result<HoldingRows, DieselError> {
    let (mut first, mut second) = (connection, connection);
    let account = async { Account::new(id.0).get_result(&mut first).await.optional() };
    let (
        account,
        sessions,
        devices,
        (second_factor, passkeys, identities),
        (api_keys, settings, provider_keys),
    ) = try_join5(
        account,
        Sessions::new(id.0).load(&mut second),
        device_rows(connection, id),
        try_join3(
            second_factor_rows(connection, id),
            passkey_rows(connection, id),
            identity_rows(connection, id),
        ),
        try_join3(
            api_key_rows(connection, id),
            settings::row(connection, id),
            settings::key_rows(connection, id),
        ),
    )
    .await?;
    Ok(HoldingRows {
        account,
        sessions,
        devices,
        second_factor,
        passkeys,
        identities,
        api_keys,
        settings,
        provider_keys,
    })
}

/// What is held of a learner who is there.
pub(super) fn to_holdings(id: UserId, rows: HoldingRows) -> Result<Option<Holdings>, StoreError> {
    let Some((account,)) = rows.account else {
        return Ok(None);
    };
    let sessions = rows.sessions.into_iter().map(|(row,)| Session::try_from(row));
    let api_keys = rows.api_keys.into_iter().map(TryInto::try_into);
    Ok(Some(Holdings {
        account: account.try_into()?,
        sessions: sessions.collect::<Result<_, CorruptRow>>()?,
        devices: rows.devices.into_iter().map(Into::into).collect(),
        second_factor: to_second_factor(id, rows.second_factor)?,
        passkeys: to_passkeys(rows.passkeys)?,
        identities: to_identities(rows.identities)?,
        api_keys: api_keys.collect::<Result<_, CorruptRow>>()?,
        preferences: rows.settings.map(|row| row.read(id)).transpose()?,
        provider_keys: settings::read_keys(id, rows.provider_keys)?,
    }))
}

/// Keeps what is held, within a transaction.
pub(super) async fn keep(mut connection: &AsyncPgConnection, holdings: &Holdings) -> Result<(), StoreError> {
    let id = holdings.owner();
    let Holdings {
        account,
        sessions,
        devices,
        second_factor,
        passkeys,
        identities,
        api_keys,
        preferences,
        provider_keys,
    } = holdings;
    insert(account, sessions).execute(&mut connection).await?;
    for device in devices {
        keep_device(connection, id, device).await?;
    }
    if let Some(second_factor) = second_factor {
        keep_second_factor(connection, id, second_factor).await?;
    }
    for passkey in passkeys {
        keep_passkey(connection, passkey).await?;
    }
    for identity in identities {
        keep_identity(connection, identity).await?;
    }
    for key in api_keys {
        keep_api_key(connection, key).await?;
    }
    if let Some(preferences) = preferences {
        settings::keep(connection, id, preferences).await?;
    }
    for key in provider_keys {
        settings::keep_key(connection, id, key).await?;
    }
    Ok(())
}
