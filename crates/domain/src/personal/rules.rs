//! What the rule of a table says: whose its rows are, which columns are handed out, and when they are gone.

/// A table of the stores, and what becomes of its rows when their learner asks for them or goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Table {
    /// Its name, in every store, and that of its files in an archive.
    pub name: &'static str,
    /// Whose its rows are.
    pub rows: Rows,
    /// What ends them.
    pub end: End,
    /// The column by which pages go on, different in each row of a user; `None` where they are few.
    pub pages_by: Option<&'static str>,
    /// All its columns, where rows are somebody's.
    pub columns: &'static [Column],
}

/// Whose the rows of a table are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rows {
    /// Those of the user whom this column names.
    OfUser(&'static str),
    /// Those of whoever did something, `actor_id`, and of whoever it was done to, `subject_id`.
    OfActorAndSubject,
    /// Nobody's, and why.
    OfNobody(&'static str),
}

/// What ends the rows of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The purge of the account, by foreign keys.
    WithAccount,
    /// They outlive the account, and why.
    Later(&'static str),
}

/// A column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Its name in every store.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// To whom it is handed out.
    pub shown: Shown,
}

/// What a column holds, however a store writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A UUID.
    Id,
    /// A text.
    Text,
    /// A number, with a fraction or without.
    Number,
    /// Yes or no.
    Flag,
    /// An instant.
    Time,
    /// A day.
    Day,
    /// Several names.
    Names,
    /// A text that is JSON.
    Json,
}

/// To whom a column of a row is handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// To whoever the row is handed out to.
    Always,
    /// Unless another account did it: where somebody else came from is theirs.
    UnlessAnotherActed,
    /// Unless it was done to another account.
    UnlessOfAnother,
    /// To nobody, and why.
    Never(&'static str),
}

impl Column {
    /// A column that is handed out.
    pub(super) const fn of(name: &'static str, kind: Kind) -> Self {
        let shown = Shown::Always;
        Self { name, kind, shown }
    }

    /// A column that is handed out to nobody.
    pub(super) const fn kept_back(name: &'static str, why: &'static str) -> Self {
        Self {
            name,
            kind: Kind::Text,
            shown: Shown::Never(why),
        }
    }

    /// The same column, handed out to some.
    pub(super) const fn shown(self, shown: Shown) -> Self {
        Self { shown, ..self }
    }

    /// Its name in an archive: in the form of the API's members.
    pub fn title(&self) -> String {
        let mut parts = self.name.split('_');
        let first = parts.next().unwrap_or_default().to_owned();
        parts.fold(first, |title, part| {
            let mut letters = part.chars();
            let initial = letters.next().map(|letter| letter.to_ascii_uppercase());
            title.chars().chain(initial).chain(letters).collect()
        })
    }
}

impl Table {
    /// A table whose rows `user_id` names, and which goes with the account.
    pub(super) const fn of_user(
        name: &'static str,
        pages_by: Option<&'static str>,
        columns: &'static [Column],
    ) -> Self {
        Self {
            name,
            rows: Rows::OfUser("user_id"),
            end: End::WithAccount,
            pages_by,
            columns,
        }
    }

    /// A table that holds nothing of a learner.
    pub(super) const fn of_nobody(name: &'static str, why: &'static str) -> Self {
        Self {
            name,
            rows: Rows::OfNobody(why),
            end: End::Later(why),
            pages_by: None,
            columns: &[],
        }
    }

    /// Whether rows of it are handed out.
    pub const fn is_exported(&self) -> bool {
        !matches!(self.rows, Rows::OfNobody(_))
    }

    /// The columns that are handed out, in the order in which rows of an archive have them.
    pub fn exported(&self) -> impl Iterator<Item = &'static Column> {
        let columns = self.columns.iter();
        columns.filter(|column| !matches!(column.shown, Shown::Never(_)))
    }

    /// The column by which pages go on.
    pub fn page_column(&self) -> Option<&'static Column> {
        let name = self.pages_by?;
        self.columns.iter().find(|column| column.name == name)
    }
}
