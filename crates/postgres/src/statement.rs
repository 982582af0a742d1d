//! Statements with a fixed text, parsed by the server once per connection.

/// Declares a statement: its binds in the order of the question marks, and what its rows hold.
///
/// Diesel prepares `UPDATE`, `ON CONFLICT` and `sql_query` anew on each call; a type of its own with a static
/// query id is found among the connection's prepared statements.
macro_rules! statement {
    ($(#[$meta:meta])* $vis:vis $name:ident($($field:ident: $rust:ty => $sql_type:ty),* $(,)?)
        -> ($($column:ty),+ $(,)?) = $sql:expr) => {
        $crate::statement::statement!($(#[$meta])* $vis $name($($field: $rust => $sql_type),*) = $sql);

        impl diesel::query_builder::Query for $name<'_> {
            type SqlType = ($($column,)+);
        }
    };
    ($(#[$meta:meta])* $vis:vis $name:ident($($field:ident: $rust:ty => $sql_type:ty),* $(,)?) = $sql:expr) => {
        $vis struct $name<'a> {
            $($field: $rust,)*
            borrows: std::marker::PhantomData<&'a ()>,
        }

        $(#[$meta])*
        impl<'a> $name<'a> {
            $vis fn new($($field: $rust),*) -> Self {
                Self { $($field,)* borrows: std::marker::PhantomData }
            }
        }

        impl diesel::query_builder::QueryId for $name<'_> {
            type QueryId = $name<'static>;

            const HAS_STATIC_QUERY_ID: bool = true;
        }

        impl diesel::query_builder::QueryFragment<diesel::pg::Pg> for $name<'_> {
            fn walk_ast<'b>(
                &'b self,
                mut out: diesel::query_builder::AstPass<'_, 'b, diesel::pg::Pg>,
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
    };
}

pub(crate) use statement;
