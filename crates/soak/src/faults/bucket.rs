//! Fault 22: the bucket in which audio is kept fails, is slow, or is gone.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use parlance_testbed::GoogleService;
use reqwest::Method;

use super::Plan;
use super::scene::Recovery;
use super::speakers::{Closed, Demand};
use super::stage::{self, Stage};
use super::wish::{Reply, Wish};
use crate::cluster::{Answer, Before, Cluster, Request};
use crate::proxy::Manner;
use crate::report::Figures;

/// Where sounds and recipes lie in the bucket.
const AUDIO: &str = "audio";
const RECIPES: &str = "recipes";
/// All is well within this after the bucket is.
const RECOVERED: Duration = Duration::from_secs(10);
/// Whoever wants something spoken is told within this that there is no place for it: the provider's time and the
/// bucket's.
const TOLD: Duration = Duration::from_secs(10);
/// How long each answer of a slow bucket takes: more than it is waited for.
const SLOW: Duration = Duration::from_secs(6);

/// How the bucket fails.
#[derive(Debug, Clone, Copy)]
enum Harm {
    Fails,
    IsSlow,
    IsGone,
}

impl Harm {
    const ALL: [Self; 3] = [Self::Fails, Self::IsSlow, Self::IsGone];

    const fn name(self) -> &'static str {
        match self {
            Self::Fails => "fails",
            Self::IsSlow => "isSlow",
            Self::IsGone => "isGone",
        }
    }

    fn inject(self, stage: &Stage) -> Result<()> {
        let cluster = &stage.scene.cluster;
        let proxy = cluster.to_bucket()?;
        match self {
            Self::Fails => cluster.bucket()?.fail(true),
            Self::IsSlow => proxy.set(Manner::Delay(SLOW)),
            Self::IsGone => {
                proxy.set(Manner::Refuse);
                proxy.cut();
            }
        }
        Ok(())
    }

    fn heal(stage: &Stage) -> Result<()> {
        let cluster = &stage.scene.cluster;
        cluster.bucket()?.fail(false);
        cluster.to_bucket()?.set(Manner::Pass);
        Ok(())
    }
}

/// Fault 22: the bucket answers 500, then slowly, then not at all, while things are spoken.
pub(super) async fn failing(plan: Plan) -> Result<Figures> {
    // What is known is to be found in Redis however busy the machine is: it is not what fails here.
    let setup = stage::setup()
        .bucket()
        .proxy(Before::Bucket)
        .setting("REDIS_DEADLINE_MS", "1000");
    let stage = Stage::set(&plan, setup, Demand::usual(&plan)).await?;
    let fault = stage.scene.mark();
    let mut figures = Figures::default();
    for harm in Harm::ALL {
        let seen = suffer(&stage, &plan, harm).await.context(harm.name())?;
        figures = figures.with(harm.name(), serde_json::to_value(seen)?);
    }
    let healed = stage.scene.mark();
    let recovery = Recovery::within(RECOVERED);
    let epilogue = stage.end_with(fault, healed, recovery, nothing_is_left).await?;
    Ok(epilogue
        .act
        .figures
        .and(epilogue.account.figures("wishes"))
        .and(figures))
}

/// Has the bucket fail for a while; what clients are told meanwhile, and how soon all is well again.
async fn suffer(stage: &Stage, plan: &Plan, harm: Harm) -> Result<Figures> {
    let cluster = &stage.scene.cluster;
    let place = stage.place_of(&text(harm, "before")).await?;
    harm.inject(stage)?;
    let began = Instant::now();
    let under_way = stage.wishes_since(began);
    let keyed = Keyed::of(stage, harm);
    let told = keyed.send(stage, 0).await?;
    ensure!(told.is_shed(), "with a key it was answered {}", told.told());
    let mut slowest = told.took;
    for client in cluster.clients()? {
        let fetched = client.send(Request::outside(Method::GET, &place)).await;
        let fetched = fetched.map_err(|lost| anyhow!("a download was not answered: {lost:?}"))?;
        ensure!(fetched.is_shed(), "a download was answered {}", fetched.told());
        slowest = slowest.max(fetched.took);
    }
    let left = plan.time(2_000, 20).saturating_sub(began.elapsed());
    stage.scene.load.go_on(left).await;
    let over = Instant::now();
    let asked = stage.speakers.account().within((began, over));
    asked
        .only(|asked| !asked.new || !asked.wish.is_sound())
        .ensure_granted()?;
    let sounds = asked.only(|asked| asked.new && asked.wish.is_sound());
    // Who waited for the other copy for as long as the provider may take is told that.
    sounds.ensure_none("granted all the same", |reply| {
        !matches!(reply, Reply::Unavailable(_) | Reply::TooLate)
    })?;
    ensure!(
        stage.scene.vitals.all_said("degraded", (began, over)),
        "a copy did not say that it is degraded"
    );
    slowest = slowest.max(sounds.longest());
    ensure!(slowest <= plan.limit(TOLD), "an answer took {slowest:?}");
    let paid = stage.google()?.calls_since(GoogleService::Synthesis, began);
    ensure!(
        paid <= under_way,
        "{paid} texts were paid for in vain, of which {under_way} were under way at most"
    );
    Harm::heal(stage)?;
    let healed = Instant::now();
    stage.place_of(&text(harm, "after")).await?;
    let well = healed.elapsed();
    ensure!(well <= plan.limit(RECOVERED), "all was well after {well:?} only");
    // A copy that could not keep what it had made meanwhile is in doubt for a while yet.
    let again = loop {
        let again = keyed.send(stage, 1).await?;
        if !again.is_shed() || healed.elapsed() > plan.limit(RECOVERED) {
            break again;
        }
        tokio::time::sleep(stage::LOOK).await;
    };
    ensure!(
        again.is_ok(),
        "sent again with its key it was answered {}",
        again.told()
    );
    stage.place_of(&text(harm, "keyed")).await?;
    Ok(Figures::default()
        .with("refused", sounds.count())
        .with("madeInVain", paid)
        .with_millis("longestMs", slowest)
        .with_millis("wellAfterMs", well))
}

fn text(harm: Harm, when: &str) -> String {
    format!("{} {when}", harm.name())
}

/// A request with an idempotency key.
struct Keyed {
    request: Request,
}

impl Keyed {
    fn of(stage: &Stage, harm: Harm) -> Self {
        let wish = Wish::Sound(text(harm, "keyed"));
        Self {
            request: stage.speakers.request(&wish).idempotency_key(harm.name()),
        }
    }

    async fn send(&self, stage: &Stage, copy: usize) -> Result<Answer> {
        let answer = stage.scene.cluster.client(copy)?.send(self.request.clone()).await;
        answer.map_err(|lost| anyhow!("not answered: {lost:?}"))
    }
}

/// Every object is sound or recipe of something that was asked for, and no request is taken for one under way.
///
/// Objects are named by their content and written once. One that got there although whoever asked was told otherwise is
/// therefore not swept: the next who asks for the same finds it, and nobody could tell it from what was granted.
async fn nothing_is_left(cluster: &Cluster, closed: &Closed) -> Result<Figures> {
    let bucket = cluster.bucket()?;
    let wishes = closed.account.wishes().into_iter();
    let granted = wishes.filter(|(wish, _)| wish.is_sound());
    let granted = names(granted.flat_map(|(_, places)| places));
    // In the other order than they are written in.
    let (sounds, recipes) = (bucket.objects(AUDIO)?, bucket.objects(RECIPES)?);
    let lost = granted.difference(&sounds).count();
    let bare = sounds.difference(&recipes).count();
    ensure!(
        lost == 0 && bare == 0,
        "{lost} sounds that were granted are not there, and {bare} have no recipe"
    );
    let places = closed.ensure_right(cluster).await?;
    let asked = names(places.iter().map(String::as_str));
    for part in [AUDIO, RECIPES] {
        let objects = bucket.objects(part)?;
        let orphans: Vec<&String> = objects.difference(&asked).collect();
        let missing = asked.difference(&objects).count();
        ensure!(
            orphans.is_empty() && missing == 0,
            "of {part} {missing} are missing, and nobody asked for {orphans:?}"
        );
    }
    let left = recipes.union(&sounds).filter(|name| !granted.contains(*name));
    let left = left.count();
    let waiting = cluster
        .sql_value("SELECT count(*) FROM idempotency_keys WHERE status IS NULL")
        .await?;
    ensure!(
        waiting == "0",
        "{waiting} keys are taken for those of requests under way"
    );
    Ok(Figures::default().with("leftForTheNextWhoAsks", left))
}

/// How the objects are called that are at these places.
fn names<'a>(places: impl Iterator<Item = &'a str>) -> BTreeSet<String> {
    let names = places.filter_map(|place| place.rsplit_once('/'));
    names.map(|(_, name)| name.to_owned()).collect()
}
