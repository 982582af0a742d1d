//! What the other commands do, beside a server and without one.

use parlance_testbed::TestDatabase;
use serde_json::{Value, json};

use super::Parlance;

fn printed(output: &std::process::Output) -> String {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    assert!(
        output.status.success(),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    text
}

fn refusal(output: &std::process::Output) -> String {
    assert!(
        !output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[tokio::test]
async fn a_backup_made_while_serving_brings_everything_back() {
    let parlance = Parlance::new();
    let server = parlance.serve().await;
    let user = server.register("anna@example.com").await;
    user.put("/api/v1/progress/zh-00001", &json!({ "studyCount": 3 }))
        .await
        .expect(200);
    printed(&parlance.run(&["backup", "copy.db"]).await);
    user.put("/api/v1/progress/zh-00002", &json!({ "studyCount": 5 }))
        .await
        .expect(200);

    let again = refusal(&parlance.run(&["backup", "copy.db"]).await);
    assert!(again.contains("copy.db"), "{again}");
    let while_serving = refusal(&parlance.run(&["restore", "copy.db"]).await);
    assert!(
        while_serving.contains("another Parlance server"),
        "{while_serving}"
    );
    server.stop().await;

    std::fs::write(parlance.dir().join("broken.db"), "no database").unwrap();
    refusal(&parlance.run(&["restore", "broken.db"]).await);
    printed(&parlance.run(&["restore", "copy.db"]).await);

    let server = parlance.serve().await;
    let user = server.login("anna@example.com").await;
    let rows = user.get("/api/v1/progress").await.expect(200).json();
    let words: Vec<&Value> = rows
        .as_array()
        .unwrap()
        .iter()
        .map(|row| &row["wordId"])
        .collect();
    assert_eq!(words, ["zh-00001"]);
    server.stop().await;
}

#[tokio::test]
async fn without_a_database_there_is_nothing_to_back_up() {
    let parlance = Parlance::new();
    let message = refusal(&parlance.run(&["backup", "copy.db"]).await);
    assert!(message.contains("there is no database"), "{message}");
    assert!(!parlance.dir().join("data/parlance.db").exists());
}

#[tokio::test]
async fn a_start_that_may_not_migrate_asks_for_the_command_that_does() {
    starts_once_it_is_migrated(Parlance::new()).await;
}

#[tokio::test]
async fn on_postgresql_too_a_start_that_may_not_migrate_asks_for_the_command() {
    let database = TestDatabase::empty().await;
    starts_once_it_is_migrated(Parlance::new().set("DATABASE_URL", &database.url())).await;
}

async fn starts_once_it_is_migrated(parlance: Parlance) {
    let parlance = parlance.set("MIGRATE_ON_START", "false");
    let message = refusal(&parlance.run(&["serve"]).await);
    assert!(message.contains("parlance migrate"), "{message}");
    assert!(printed(&parlance.run(&["migrate"]).await).contains("applied"));
    assert!(printed(&parlance.run(&["migrate"]).await).contains("up to date"));
    parlance.serve().await.stop().await;
}

#[tokio::test]
async fn words_are_imported_all_or_nothing() {
    const HEADER: &str = "wordId,simplified,traditional,pinyin,english,partOfSpeech,frequencyRank\n";
    let parlance = Parlance::new();
    let file = parlance.dir().join("mine.csv");
    let import = [
        "words",
        "import",
        "mine.csv",
        "--list-id",
        "mine",
        "--name",
        "Mine",
        "--language",
        "zh-CN",
        "--difficulty",
        "beginner",
        "--tags",
        "own,test",
    ];
    std::fs::write(
        &file,
        format!("{HEADER}my-1,猫,貓,māo,cat,n,1\nmy 2,狗,狗,gǒu,dog,n,x\n"),
    )
    .unwrap();
    let message = refusal(&parlance.run(&import).await);
    assert!(
        message.contains("line 3") && message.contains("wordId"),
        "{message}"
    );

    std::fs::write(
        &file,
        format!("{HEADER}my-1,猫,貓,māo,cat,n,1\nmy-2,狗,狗,gǒu,dog,n,2\n"),
    )
    .unwrap();
    assert!(printed(&parlance.run(&import).await).contains("2 words"));

    let server = parlance.serve().await;
    let list = server
        .get("/api/v1/vocabulary/lists/mine")
        .await
        .expect(200)
        .json();
    assert_eq!(
        (&list["wordCount"], &list["tags"]),
        (&json!(2), &json!(["own", "test"]))
    );
    let word = server
        .get("/api/v1/vocabulary/words/my-1")
        .await
        .expect(200)
        .json();
    assert_eq!(
        (&word["traditional"], &word["gloss"]),
        (&json!("貓"), &json!("cat"))
    );
    server.stop().await;
}

#[tokio::test]
async fn a_list_can_be_described_by_a_file_beside_the_words() {
    let parlance = Parlance::new();
    let shipped = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/vocabulary");
    for name in ["lists.json", "hsk3-band-1.csv"] {
        std::fs::copy(shipped.join(name), parlance.dir().join(name)).unwrap();
    }
    let first = printed(&parlance.run(&["words", "import", "hsk3-band-1.csv"]).await);
    assert!(first.contains("506 words, 506 of them new"), "{first}");
    let second = printed(&parlance.run(&["words", "import", "hsk3-band-1.csv"]).await);
    assert!(second.contains("0 of them new"), "{second}");
}

#[tokio::test]
async fn the_description_of_the_api_is_the_committed_one() {
    let parlance = Parlance::new();
    let printed = printed(&parlance.run(&["openapi"]).await);
    let document: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(document["openapi"], "3.0.3");
    let committed = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../openapi.json");
    let committed = std::fs::read_to_string(committed).unwrap();
    assert!(committed == printed, "run `cargo xtask generate`");
    assert!(
        !parlance.dir().join("data").exists(),
        "printing a document needs no data"
    );
}
