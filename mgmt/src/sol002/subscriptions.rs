//! Who is told of indicators (SOL 002 clauses 8.4.5 and 8.4.6), and the notifications.
use super::callback::{Callback, Outgoing};
use super::indicators::Indicator;
use super::links::Base;
use super::outbox::{Counts, Outbox};
use super::paging::page;
use super::shelf::Shelf;
use super::subscription::{Kind, Subscription, Wanted};
use super::version::Caller;
use super::watch::Watch;
use super::{Settings, body, identifier};
use crate::clock;
use crate::command::{Answer, Command};
use crate::journal::Journal;
use crate::problem::Problem;
use crate::vnf::Identity;
use axum::Json;
use axum::extract::{Path, Request};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Most subscriptions.
pub const MOST: usize = 64;
/// Callbacks that are tested at the same time: a test may take until its time is over, and occupies a thread.
const TESTED: usize = 4;
/// What subscriptions can be filtered by.
const ATTRIBUTES: &[&str] = &["id", "callbackUri", "filter/*", "_links/self/href"];

/// All subscriptions.
#[derive(Debug, Default)]
pub struct Subscriptions {
    inner: Mutex<Inner>,
    testing: AtomicUsize,
}

#[derive(Debug, Default)]
struct Inner {
    outgoing: Outgoing,
    journal: Option<Arc<Journal>>,
    shelf: Shelf,
    list: Vec<(Subscription, Outbox)>,
    watch: Watch,
}

impl Subscriptions {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes up the subscriptions that were kept. How many there are.
    ///
    /// # Errors
    /// The file cannot be read; then there are none.
    pub fn open(&self, settings: Settings, journal: Arc<Journal>) -> io::Result<usize> {
        let mut inner = self.inner();
        inner.shelf = Shelf::new(settings.folder);
        inner.outgoing = settings.outgoing;
        inner.journal = Some(journal);
        for subscription in inner.shelf.load()?.into_iter().take(MOST) {
            match Callback::new(&subscription.wanted, &inner.outgoing) {
                Ok(callback) => {
                    let outbox = Outbox::new(callback, inner.journal.clone());
                    inner.list.push((subscription, outbox));
                }
                Err(why) => {
                    let text = format!("subscription {} cannot be taken up: {}", subscription.id, why.detail);
                    inner.journal.iter().for_each(|j| j.say("ems", &text));
                }
            }
        }
        Ok(inner.list.len())
    }

    /// All of them.
    pub fn all(&self) -> Vec<Subscription> {
        self.inner().list.iter().map(|(s, _)| s.clone()).collect()
    }

    /// What became of the notifications of one.
    pub fn counts(&self, id: &str) -> Option<Counts> {
        self.inner().list.iter().find(|(s, _)| s.id == id).map(|(_, outbox)| outbox.counts())
    }

    /// Subscribes, after its callback has answered a test. True: there was such a one already, this is it.
    ///
    /// # Errors
    /// 422 when the callback fails; 503 when there are too many; 507 when it cannot be kept.
    pub fn subscribe(&self, wanted: Wanted, base: String) -> Result<(Subscription, bool), Problem> {
        wanted.check()?;
        if let Some(like) = self.inner().room(&wanted)? {
            return Ok((like, true));
        }
        let outgoing = self.inner().outgoing.clone();
        let callback = Callback::new(&wanted, &outgoing)?;
        self.test(&callback)?;
        let mut inner = self.inner();
        if let Some(like) = inner.room(&wanted)? {
            return Ok((like, true)); // somebody was faster
        }
        let subscription = Subscription { id: identifier()?, base, wanted };
        let outbox = Outbox::new(callback, inner.journal.clone());
        inner.list.push((subscription.clone(), outbox));
        if let Err(problem) = inner.keep() {
            inner.list.pop();
            return Err(problem);
        }
        Ok((subscription, false))
    }

    fn test(&self, callback: &Callback) -> Result<(), Problem> {
        let busy = self.testing.fetch_add(1, Ordering::Relaxed) >= TESTED;
        let tested = if busy { None } else { Some(callback.test()) };
        self.testing.fetch_sub(1, Ordering::Relaxed);
        match tested {
            None => Err(Problem::unavailable("other callbacks are being tested", 1)),
            Some(result) => {
                result.map_err(|f| Problem::unprocessable(format!("the callback's test failed: {}", f.why)))
            }
        }
    }

    /// Ends a subscription.
    ///
    /// # Errors
    /// 404; 507 when that cannot be kept.
    pub fn unsubscribe(&self, id: &str) -> Result<(), Problem> {
        let mut inner = self.inner();
        let at = inner.list.iter().position(|(s, _)| s.id == id).ok_or_else(|| none(id))?;
        let ended = inner.list.remove(at);
        if let Err(problem) = inner.keep() {
            inner.list.insert(at, ended);
            return Err(problem);
        }
        Ok(())
    }

    /// Tells whoever wants to know what has changed. `indicators` is asked only if there is anybody.
    pub fn look(&self, identity: &Identity, indicators: impl FnOnce() -> Vec<Indicator>) {
        let mut inner = self.inner();
        if inner.list.is_empty() {
            return inner.watch.forget();
        }
        let all = indicators();
        let changes = inner.watch.look(clock::monotonic(), &all);
        for (subscription, outbox) in &inner.list {
            let about = |kind, more: Value| notification(subscription, identity, kind, more);
            for i in changes.values.iter().filter(|i| subscription.fits(identity, Kind::Value, Some(&i.id))) {
                let more = json!({"vnfIndicatorId": i.id, "name": i.name, "value": i.value});
                about(Kind::Value, more).into_iter().for_each(|n| outbox.put(n));
            }
            if changes.set && subscription.fits(identity, Kind::Set, None) {
                let list = all.iter().map(|i| json!({"vnfIndicatorId": i.id, "name": i.name}));
                let more = json!({"supportedIndicators": list.collect::<Vec<_>>()});
                about(Kind::Set, more).into_iter().for_each(|n| outbox.put(n));
            }
        }
    }
}

impl Inner {
    /// Whether there is room for one more; or the one that is like it.
    fn room(&self, wanted: &Wanted) -> Result<Option<Subscription>, Problem> {
        let like = self.list.iter().map(|(s, _)| s).find(|s| s.is_like(wanted));
        if like.is_none() && self.list.len() >= MOST {
            return Err(Problem::unavailable(format!("there are {MOST} subscriptions; delete one first"), 60));
        }
        Ok(like.cloned())
    }

    fn keep(&self) -> Result<(), Problem> {
        let all: Vec<Subscription> = self.list.iter().map(|(s, _)| s.clone()).collect();
        let full =
            |e: io::Error| Problem::new(StatusCode::INSUFFICIENT_STORAGE, format!("subscriptions cannot be kept: {e}"));
        self.shelf.keep(&all).map_err(full)
    }
}

/// A notification (clauses 8.5.2.5 and 8.5.2.6). Nothing if there are no random bytes for its identifier.
fn notification(to: &Subscription, of: &Identity, kind: Kind, more: Value) -> Option<String> {
    let base = Base::kept(&to.base);
    let mut all = json!({
        "id": identifier().ok()?,
        "notificationType": kind,
        "subscriptionId": to.id,
        "timeStamp": clock::now(),
        "vnfInstanceId": of.id,
    });
    if let (Some(all), Value::Object(more)) = (all.as_object_mut(), more) {
        all.extend(more);
    }
    all["_links"] = json!({
        "vnfInstance": {"href": base.link("/v1/vnf")},
        "subscription": {"href": base.link(&to.path())},
    });
    Some(all.to_string())
}

fn none(id: &str) -> Problem {
    Problem::not_found(format!("there is no subscription ‘{id}’"))
}

async fn asked(caller: &Caller) -> Result<Vec<Subscription>, Problem> {
    match caller.ask.clone().for_(Command::Subscriptions).await? {
        Answer::Subscriptions(all) => Ok(all),
        _ => Err(Problem::internal("an answer to another command")),
    }
}

/// All subscriptions.
pub(super) async fn list(caller: Caller) -> Result<Response, Problem> {
    let all = asked(&caller).await?;
    page(&caller, all.iter().map(|s| s.show(&caller.base)).collect(), ATTRIBUTES)
}

/// Subscribes.
pub(super) async fn create(caller: Caller, request: Request) -> Result<Response, Problem> {
    let wanted: Wanted = body::typed(request).await?;
    let command = Command::Subscribe(Box::new(wanted), caller.base.text().to_string());
    let Answer::Subscribed(subscription, already) = caller.ask.clone().for_(command).await? else {
        return Err(Problem::internal("an answer to another command"));
    };
    let location = [(header::LOCATION, caller.base.link(&subscription.path()))];
    Ok(if already {
        (StatusCode::SEE_OTHER, location).into_response()
    } else {
        (StatusCode::CREATED, location, Json(subscription.show(&caller.base))).into_response()
    })
}

/// One of them.
pub(super) async fn one(caller: Caller, Path(id): Path<String>) -> Result<Response, Problem> {
    let found = asked(&caller).await?.into_iter().find(|s| s.id == id);
    found.map(|s| Json(s.show(&caller.base)).into_response()).ok_or_else(|| none(&id))
}

/// Ends it.
pub(super) async fn remove(caller: Caller, Path(id): Path<String>) -> Result<StatusCode, Problem> {
    caller.ask.for_(Command::Unsubscribe(id)).await?;
    Ok(StatusCode::NO_CONTENT)
}
