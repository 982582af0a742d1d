//! Rows as a statement takes them: one array for each column.

/// Declares rows as one array per column, with what stands for them in a statement.
macro_rules! columns {
    ($(#[$meta:meta])* $vis:vis struct $name:ident { $($field:ident: $rust:ty => $sql_type:ty),+ $(,)? }) => {
        $(#[$meta])*
        $vis struct $name<'a> {
            $(pub(super) $field: Vec<$rust>,)+
            borrows: std::marker::PhantomData<&'a ()>,
        }

        impl<'a> $name<'a> {
            /// No rows, with room for so many.
            $vis fn with_capacity(rows: usize) -> Self {
                Self {
                    $($field: Vec::with_capacity(rows),)+
                    borrows: std::marker::PhantomData,
                }
            }

            /// Writes `unnest($1, …) AS alias (column, …)`.
            $vis fn unnest<'b>(
                &'b self,
                alias: &str,
                out: &mut diesel::query_builder::AstPass<'_, 'b, diesel::pg::Pg>,
            ) -> diesel::QueryResult<()> {
                let mut before = "unnest(";
                $(
                    out.push_sql(before);
                    out.push_bind_param::<diesel::sql_types::Array<$sql_type>, _>(&self.$field)?;
                    before = ", ";
                )+
                out.push_sql(") AS ");
                out.push_sql(alias);
                before = " (";
                $(
                    out.push_sql(before);
                    out.push_sql(stringify!($field));
                    before = ", ";
                )+
                let _ = before;
                out.push_sql(")");
                Ok(())
            }
        }
    };
}

pub(super) use columns;
