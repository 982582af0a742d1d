//! Statements with a fixed text, prepared once per connection.

/// Declares a statement: its binds in the order of the question marks, and what its rows hold.
///
/// Diesel prepares `UPDATE`, `ON CONFLICT` and `sql_query` anew on each call; a type of its own with a static
/// query id is found in the connection's cache without even writing its text.
macro_rules! statement {
    ($(#[$meta:meta])* $name:ident($($field:ident: $rust:ty => $sql_type:ty),* $(,)?)
        -> ($($column:ty),+ $(,)?) = $sql:expr) => {
        $crate::statement::statement!($(#[$meta])* $name($($field: $rust => $sql_type),*) = $sql);

        impl diesel::query_builder::Query for $name<'_> {
            type SqlType = ($($column,)+);
        }
    };
    ($(#[$meta:meta])* $name:ident($($field:ident: $rust:ty => $sql_type:ty),* $(,)?) = $sql:expr) => {
        struct $name<'a> {
            $($field: $rust,)*
            borrows: std::marker::PhantomData<&'a ()>,
        }

        $(#[$meta])*
        impl<'a> $name<'a> {
            fn new($($field: $rust),*) -> Self {
                Self { $($field,)* borrows: std::marker::PhantomData }
            }
        }

        impl diesel::query_builder::QueryId for $name<'_> {
            type QueryId = $name<'static>;

            const HAS_STATIC_QUERY_ID: bool = true;
        }

        impl diesel::query_builder::QueryFragment<diesel::sqlite::Sqlite> for $name<'_> {
            fn walk_ast<'b>(
                &'b self,
                mut out: diesel::query_builder::AstPass<'_, 'b, diesel::sqlite::Sqlite>,
            ) -> diesel::QueryResult<()> {
                let mut parts = $sql.split('?');
                out.push_sql(parts.next().unwrap_or_default());
                $(
                    out.push_bind_param::<$sql_type, _>(&self.$field)?;
                    out.push_sql(parts.next().unwrap_or_default());
                )*
                Ok(())
            }
        }

        impl diesel::RunQueryDsl<diesel::SqliteConnection> for $name<'_> {}
    };
}

pub(crate) use statement;

/// How many rows one statement inserts: few texts, so that each is prepared once, and few executions.
const CHUNKS: [usize; 3] = [64, 8, 1];

/// Cuts rows into pieces whose lengths are those of [`CHUNKS`].
pub(crate) fn in_chunks<T>(rows: &[T]) -> impl Iterator<Item = &[T]> {
    let mut rest = rows;
    std::iter::from_fn(move || {
        let size = CHUNKS.into_iter().find(|size| *size <= rest.len())?;
        let (chunk, behind) = rest.split_at(size);
        rest = behind;
        Some(chunk)
    })
}

/// Declares an insert of several rows; its text follows from their number alone, by which it is cached.
macro_rules! insert {
    ($(#[$meta:meta])* $name:ident($row:ident) = $insert:expr,
        { $($value:expr => $sql_type:ty),+ $(,)? }, $conflict:expr) => {
        $(#[$meta])*
        struct $name<'a>(&'a [$row]);

        impl diesel::query_builder::QueryId for $name<'_> {
            type QueryId = ();

            const HAS_STATIC_QUERY_ID: bool = false;
        }

        impl diesel::query_builder::QueryFragment<diesel::sqlite::Sqlite> for $name<'_> {
            fn walk_ast<'b>(
                &'b self,
                mut out: diesel::query_builder::AstPass<'_, 'b, diesel::sqlite::Sqlite>,
            ) -> diesel::QueryResult<()> {
                out.push_sql($insert);
                for (index, row) in self.0.iter().enumerate() {
                    out.push_sql(if index == 0 { " VALUES (" } else { ", (" });
                    let mut first = true;
                    $(
                        if !first {
                            out.push_sql(", ");
                        }
                        first = false;
                        let value: fn(&'b $row) -> _ = $value;
                        out.push_bind_param::<$sql_type, _>(value(row))?;
                    )+
                    let _ = first;
                    out.push_sql(")");
                }
                out.push_sql($conflict);
                Ok(())
            }
        }

        impl diesel::RunQueryDsl<diesel::SqliteConnection> for $name<'_> {}
    };
}

pub(crate) use insert;
