//! SQL from code that is not async, and from async code that must not wait for itself.

use std::future::Future;

use anyhow::{Context, Result, bail};
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

/// Rows of text, NULL as none.
pub(crate) type Rows = Vec<Vec<Option<String>>>;

/// Runs a future to its end on a thread and a runtime of its own, wherever it is called.
pub(crate) fn blocking<T: Send>(future: impl Future<Output = Result<T>> + Send) -> Result<T> {
    let run = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("cannot make a runtime")?
            .block_on(future)
    };
    std::thread::scope(|scope| match scope.spawn(run).join() {
        Ok(result) => result,
        Err(_) => bail!("the thread of a statement panicked"),
    })
}

/// Connects; the connection ends with the client.
pub(crate) async fn connect(url: &str) -> Result<Client> {
    // No URL in the error: it may hold a password.
    let (client, connection) = tokio_postgres::connect(url, NoTls)
        .await
        .context("cannot connect to PostgreSQL")?;
    tokio::spawn(connection);
    Ok(client)
}

/// Sends statements as text and gives back the rows of all.
pub(crate) async fn run(client: &Client, statements: &str) -> Result<Rows> {
    let messages = client.simple_query(statements).await?;
    let rows = messages.into_iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => {
            let columns = 0..row.len();
            Some(columns.map(|column| row.get(column).map(str::to_owned)).collect())
        }
        _ => None,
    });
    Ok(rows.collect())
}

/// Puts a name between quotation marks.
pub(crate) fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Puts a text between apostrophes.
pub(crate) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
