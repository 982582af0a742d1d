//! The store of settings.

use async_trait::async_trait;
use diesel::result::{Error as DieselError, OptionalExtension};
use diesel::sql_types::{BigInt, Binary, Bool, Double, Nullable, Text};
use diesel::{Queryable, RunQueryDsl, SqliteConnection};
use parlance_domain::accounts::LanguageTag;
use parlance_domain::consequences::Consequences;
use parlance_domain::ids::UserId;
use parlance_domain::port::PortError;
use parlance_domain::settings::{
    Days, FreeData, KeptPreferences, Preferences, Reminders, Retention, SavePreferencesError, SettingsStore,
    TimeOfDay,
};

use crate::consequences;
use crate::convert::{CorruptRow, RowOf, to_i64};
use crate::database::{Fail, NoRefusal, SqliteDatabase, StoreError};
use crate::statement::statement;

const PORT: &str = "SettingsStore";

statement!(
    ByUser(user_id: &'a [u8] => Binary) -> (
        Nullable<Text>, Text, Double, Bool, BigInt, BigInt, Text, BigInt, BigInt
    ) = "SELECT preferred_language, summary_quality, desired_retention, reminders_enabled, reminder_minute, \
         reminder_days, data, revision, updated_at FROM user_settings WHERE user_id = ?"
);
statement!(
    DesiredRetention(user_id: &'a [u8] => Binary) -> (Double)
        = "SELECT desired_retention FROM user_settings WHERE user_id = ?"
);
statement!(
    #[expect(clippy::too_many_arguments, reason = "one for each column")]
    Keep(
        user_id: &'a [u8] => Binary,
        preferred_language: Option<&'a str> => Nullable<Text>,
        summary_quality: &'a str => Text,
        desired_retention: f64 => Double,
        reminders_enabled: bool => Bool,
        reminder_minute: i64 => BigInt,
        reminder_days: i64 => BigInt,
        data: String => Text,
        revision: i64 => BigInt,
        updated_at: i64 => BigInt,
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
pub struct SqliteSettings {
    database: SqliteDatabase,
}

impl SqliteSettings {
    /// What learners want, in this database.
    pub fn new(database: SqliteDatabase) -> Self {
        Self { database }
    }
}

#[async_trait]
impl SettingsStore for SqliteSettings {
    async fn by_user(&self, user: UserId) -> Result<Option<KeptPreferences>, PortError> {
        let found = self
            .database
            .read(move |connection| preferences(connection, user));
        found.await.map_err(|error: NoRefusal| error.into_port(PORT))
    }

    async fn desired_retention(&self, user: UserId) -> Result<Option<Retention>, PortError> {
        let found = self.database.read(move |connection| {
            let statement = DesiredRetention::new(user.0.as_bytes());
            let found: Option<(f64,)> = statement.get_result(connection).optional()?;
            Ok(found.map(|(number,)| retention(user, number)).transpose()?)
        });
        found.await.map_err(|error: NoRefusal| error.into_port(PORT))
    }

    async fn save(
        &self,
        user: UserId,
        kept: &KeptPreferences,
        consequences: &Consequences,
    ) -> Result<(), SavePreferencesError> {
        let (kept, consequences) = (kept.clone(), consequences.clone());
        let saved = self.database.write(move |connection| {
            if !keep(connection, user, &kept).map_err(StoreError::of_owner)? {
                return Err(Fail::Refused(Conflict));
            }
            Ok(consequences::keep(connection, &consequences)?)
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

/// What a learner wants, as it is in the transaction under way.
pub(crate) fn preferences(
    connection: &mut SqliteConnection,
    user: UserId,
) -> Result<Option<KeptPreferences>, NoRefusal> {
    let found: Option<SettingsRow> = ByUser::new(user.0.as_bytes()).get_result(connection).optional()?;
    Ok(found.map(|row| row.read(user)).transpose()?)
}

/// Keeps what a learner wants, in the transaction under way, unless somebody else was faster.
pub(crate) fn keep(
    connection: &mut SqliteConnection,
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
        user.0.as_bytes(),
        preferred_language.as_ref().map(LanguageTag::as_str),
        summary_quality.as_str(),
        desired_retention.get(),
        reminders.enabled,
        i64::from(reminders.time.minutes()),
        i64::from(reminders.days.bits()),
        data.to_json(),
        to_i64(kept.revision),
        kept.updated_at.timestamp_millis(),
    );
    Ok(statement.execute(connection)? > 0)
}

#[derive(Queryable)]
struct SettingsRow {
    preferred_language: Option<String>,
    summary_quality: String,
    desired_retention: f64,
    reminders_enabled: bool,
    reminder_minute: i64,
    reminder_days: i64,
    data: String,
    revision: i64,
    updated_at: i64,
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
    fn read(self, user: UserId) -> Result<KeptPreferences, CorruptRow> {
        let of = row_of(&user);
        let time = of.number::<u16>(self.reminder_minute, "reminder_minute")?;
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
            updated_at: of.time(self.updated_at, "updated_at")?,
        })
    }
}
