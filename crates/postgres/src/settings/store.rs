//! The store of settings.

use std::sync::Arc;

use async_trait::async_trait;
use diesel::Queryable;
use diesel::result::{Error as DieselError, OptionalExtension};
use diesel::sql_types::{BigInt, Bool, Double, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures_util::FutureExt;
use parlance_domain::accounts::LanguageTag;
use parlance_domain::consequences::Consequences;
use parlance_domain::ids::UserId;
use parlance_domain::port::PortError;
use parlance_domain::settings::{
    Days, FreeData, KeptPreferences, Preferences, Reminders, Retention, SavePreferencesError, SettingsStore,
    TimeOfDay,
};
use parlance_domain::time::Timestamp;
use uuid::Uuid;

use crate::consequences;
use crate::convert::{CorruptRow, RowOf, to_i64};
use crate::database::{Fail, PgDatabase, Repeat, StoreError};
use crate::statement::statement;

const PORT: &str = "SettingsStore";

statement!(
    ByUser(user_id: Uuid => SqlUuid) -> (
        Nullable<Text>, Text, Double, Bool, Integer, Integer, Text, BigInt, Timestamptz
    ) = "SELECT preferred_language, summary_quality, desired_retention, reminders_enabled, reminder_minute, \
         reminder_days, data, revision, updated_at FROM user_settings WHERE user_id = ?"
);
statement!(
    DesiredRetention(user_id: Uuid => SqlUuid) -> (Double,)
        = "SELECT desired_retention FROM user_settings WHERE user_id = ?"
);
statement!(
    #[expect(clippy::too_many_arguments, reason = "one for each column")]
    Keep(
        user_id: Uuid => SqlUuid,
        preferred_language: Option<&'a str> => Nullable<Text>,
        summary_quality: &'a str => Text,
        desired_retention: f64 => Double,
        reminders_enabled: bool => Bool,
        reminder_minute: i32 => Integer,
        reminder_days: i32 => Integer,
        data: String => Text,
        revision: i64 => BigInt,
        updated_at: Timestamp => Timestamptz,
    ) = "INSERT INTO user_settings (user_id, preferred_language, summary_quality, desired_retention, \
         reminders_enabled, reminder_minute, reminder_days, data, revision, updated_at) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (user_id) DO UPDATE SET \
            preferred_language = excluded.preferred_language, summary_quality = excluded.summary_quality, \
            desired_retention = excluded.desired_retention, reminders_enabled = excluded.reminders_enabled, \
            reminder_minute = excluded.reminder_minute, reminder_days = excluded.reminder_days, \
            data = excluded.data, revision = excluded.revision, updated_at = excluded.updated_at \
         WHERE user_settings.revision = excluded.revision - 1"
);

/// What learners want, in the database.
#[derive(Clone)]
pub struct PgSettings {
    database: PgDatabase,
}

impl PgSettings {
    /// What learners want, in this database.
    pub fn new(database: PgDatabase) -> Self {
        Self { database }
    }
}

#[async_trait]
impl SettingsStore for PgSettings {
    async fn by_user(&self, user: UserId) -> Result<Option<KeptPreferences>, PortError> {
        let read = |connection: Arc<AsyncPgConnection>| async move {
            ByUser::new(user.0).get_result(&mut &*connection).await.optional()
        };
        let found: Result<Option<SettingsRow>, _> = self.database.run(Repeat::Safe, read).await;
        let read = found.and_then(|found| Ok(found.map(|row| row.read(user)).transpose()?));
        read.map_err(|error: StoreError| error.into_port(PORT))
    }

    async fn desired_retention(&self, user: UserId) -> Result<Option<Retention>, PortError> {
        let read = |connection: Arc<AsyncPgConnection>| async move {
            let statement = DesiredRetention::new(user.0);
            statement.get_result(&mut &*connection).await.optional()
        };
        let found: Result<Option<(f64,)>, _> = self.database.run(Repeat::Safe, read).await;
        let read = found.and_then(|found| Ok(found.map(|(number,)| retention(user, number)).transpose()?));
        read.map_err(|error: StoreError| error.into_port(PORT))
    }

    async fn save(
        &self,
        user: UserId,
        kept: &KeptPreferences,
        consequences: &Consequences,
    ) -> Result<(), SavePreferencesError> {
        let work = Arc::new((kept.clone(), consequences.clone()));
        let saved = self.database.transact(move |connection| {
            let work = Arc::clone(&work);
            async move {
                let (kept, consequences) = &*work;
                let is_kept = keep(connection, user, kept).await;
                if !is_kept.map_err(|error| StoreError::from(error).for_owner())? {
                    return Err(Fail::Refused(Conflict));
                }
                Ok(consequences::keep(connection, consequences).await?)
            }
            .boxed()
        });
        saved.await.map_err(|error| match error {
            Fail::Refused(Conflict) => SavePreferencesError::Conflict,
            Fail::Store(error) => error.into_port(PORT).into(),
        })
    }
}

/// Somebody else was faster.
#[derive(Debug)]
struct Conflict;

/// The row of a learner, as it is in the transaction under way.
pub(crate) async fn row(
    connection: &AsyncPgConnection,
    user: UserId,
) -> Result<Option<SettingsRow>, DieselError> {
    let found = ByUser::new(user.0).get_result(&mut &*connection).await;
    found.optional()
}

/// Keeps what a learner wants, in the transaction under way, unless somebody else was faster.
pub(crate) async fn keep(
    connection: &AsyncPgConnection,
    user: UserId,
    kept: &KeptPreferences,
) -> Result<bool, DieselError> {
    let Preferences {
        preferred_language,
        summary_quality,
        desired_retention,
        reminders,
        data,
    } = &kept.preferences;
    let statement = Keep::new(
        user.0,
        preferred_language.as_ref().map(LanguageTag::as_str),
        summary_quality.as_str(),
        desired_retention.get(),
        reminders.enabled,
        i32::from(reminders.time.minutes()),
        i32::from(reminders.days.bits()),
        data.to_json(),
        to_i64(kept.revision),
        kept.updated_at,
    );
    Ok(statement.execute(&mut &*connection).await? > 0)
}

/// What a learner wants, as it was read.
#[derive(Queryable)]
pub(crate) struct SettingsRow {
    preferred_language: Option<String>,
    summary_quality: String,
    desired_retention: f64,
    reminders_enabled: bool,
    reminder_minute: i32,
    reminder_days: i32,
    data: String,
    revision: i64,
    updated_at: Timestamp,
}

fn retention(user: UserId, number: f64) -> Result<Retention, CorruptRow> {
    row_of(&user).some(Retention::try_from(number).ok(), "desired_retention")
}

fn row_of(user: &UserId) -> RowOf<'_> {
    RowOf {
        table: "user_settings",
        id: user,
    }
}

impl SettingsRow {
    pub(crate) fn read(self, user: UserId) -> Result<KeptPreferences, CorruptRow> {
        let of = row_of(&user);
        let time = of.number::<_, u16>(self.reminder_minute, "reminder_minute")?;
        let days = of.number(self.reminder_days, "reminder_days")?;
        Ok(KeptPreferences {
            preferences: Preferences {
                preferred_language: of
                    .parse_some(self.preferred_language.as_deref(), "preferred_language")?,
                summary_quality: of.parse(&self.summary_quality, "summary_quality")?,
                desired_retention: retention(user, self.desired_retention)?,
                reminders: Reminders {
                    enabled: self.reminders_enabled,
                    time: of.some(TimeOfDay::try_from(time).ok(), "reminder_minute")?,
                    days: of.some(Days::from_bits(days), "reminder_days")?,
                },
                data: of.some(FreeData::of_json(&self.data), "data")?,
            },
            revision: of.number(self.revision, "revision")?,
            updated_at: self.updated_at,
        })
    }
}
