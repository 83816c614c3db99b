//! Several workers that run one graph: started and stopped together, changed over together, and asked as if
//! they were one.
//!
//! Worker 0 leads: it has the elements that live on one worker unless the configuration says otherwise,
//! decides about requests to stop, and the others end after it.
use super::{Ended, Gone, Pace, Remote, Watch, Worker};
use crate::control::{Handlers, by_number};
use crate::engine::{Engine, Reach, link, settle_all};
use crate::graph::Plan;
use crate::handler::{Call, HandlerError, Op, Reply};
use crate::info::Access;
use crate::time;
use std::io;
use std::sync::{Arc, mpsc};

/// Reaches the workers of one graph from any thread.
#[derive(Clone)]
pub struct Crew(Arc<[Remote]>);

impl Crew {
    /// A crew of one.
    pub fn of(remote: Remote) -> Crew {
        Crew([remote].into())
    }

    /// The workers, the leader first.
    pub fn remotes(&self) -> &[Remote] {
        &self.0
    }

    /// Runs a closure on each worker, at the same time, and waits for what they give.
    ///
    /// # Errors
    /// A worker has ended; the others have run theirs.
    pub fn run_all<R: Send + 'static>(
        &self,
        each: impl IntoIterator<Item = impl FnOnce(&mut Engine) -> R + Send + 'static>,
    ) -> Result<Vec<R>, Gone> {
        let mut waits: Vec<Result<mpsc::Receiver<R>, Gone>> = Vec::with_capacity(self.0.len());
        for (remote, f) in self.0.iter().zip(each) {
            let (answer, wait) = mpsc::channel();
            let run = move |e: &mut Engine| drop(answer.send(f(e))); // nobody waits any more: fine
            waits.push(remote.send(Box::new(run)).map(|()| wait));
        }
        waits.into_iter().map(|wait| wait.and_then(|w| w.recv().map_err(|_| Gone))).collect()
    }

    /// Changes over to another graph, a plan for each worker; each does between two of its rounds. Gives the
    /// nanoseconds that packets waited for it on each worker.
    ///
    /// # Errors
    /// A worker has ended.
    pub fn swap(&self, plans: Vec<Plan>) -> Result<Vec<u64>, Gone> {
        let each = plans.into_iter().map(|plan| {
            move |e: &mut Engine| {
                let start = time::now();
                let old = e.swap(plan);
                (time::now().saturating_sub(start), old)
            }
        });
        // The old graphs are freed here, not on a worker.
        self.run_all(each).map(|ended| ended.into_iter().map(|e| e.0).collect())
    }

    /// Asks the driver to stop.
    pub fn request_stop(&self) {
        let _ = self.0[0].send(Box::new(|e| e.request_stop())); // gone: it has stopped
    }

    /// Makes a call on each worker; the answer comes when the last one has made it.
    fn call_all(&self, call: Call) -> Result<Vec<Reply>, Gone> {
        self.run_all(self.0.iter().map(|_| {
            let call = call.clone();
            move |e: &mut Engine| e.call(call)
        }))
    }
}

impl Handlers for Crew {
    /// A call of a handler of one worker's element is made there; of others, a write reaches every worker
    /// before the answer comes, and what they read becomes one as the handler's
    /// [`Merge`](crate::merge::Merge) says.
    fn call(&self, mut call: Call) -> Option<Reply> {
        let path = call.path.clone();
        let asked = self.0[0].run(move |e| {
            let path = by_number(e, &path).into_owned();
            (e.reach(&path), path)
        });
        let (reach, path) = asked.ok()?;
        call.path = path;
        let merge = match reach {
            Err(why) => return Some(Err(why)),
            Ok(Reach::One(worker)) => return self.0.get(worker)?.run(move |e| e.call(call)).ok(),
            Ok(Reach::Every(merge)) => merge,
        };
        let reads = matches!(call.op, Op::Read(_));
        let replies = self.call_all(call).ok()?;
        let answers: Result<Vec<String>, HandlerError> = replies.into_iter().collect();
        Some(answers.map(|all| if reads { merge.join(&all) } else { all.into_iter().next().unwrap_or_default() }))
    }

    fn access(&self, path: &str) -> Option<Result<Access, HandlerError>> {
        self.0[0].access(path)
    }
}

/// Running workers.
pub struct Workers {
    workers: Vec<Worker>,
    crew: Crew,
}

impl Workers {
    /// Starts a thread for each engine; engines of more than one were [`link`]ed. `report` is told what ports
    /// report; the leader looks at `watch`.
    ///
    /// # Errors
    /// The operating system refuses a thread or an event descriptor.
    pub fn start(
        engines: Vec<Engine>,
        paces: &[Pace],
        report: impl FnMut(&str) + Send + Clone + 'static,
        watch: Watch,
    ) -> io::Result<Workers> {
        let mut workers: Vec<Worker> = Vec::with_capacity(engines.len());
        let mut watch = Some(watch);
        for (number, engine) in engines.into_iter().enumerate() {
            let leader = workers.first().map(Worker::remote);
            let watch = watch.take().unwrap_or_else(Watch::nothing);
            let pace = paces.get(number).copied().unwrap_or_default();
            match Worker::start_in_crew(engine, pace, report.clone(), watch, leader) {
                Ok(worker) => workers.push(worker),
                Err(why) => {
                    if let Some(leader) = workers.first() {
                        let _ = leader.remote().send(Box::new(|e| e.request_stop())); // gone: as well
                    }
                    return Err(why);
                }
            }
        }
        let crew = Crew(workers.iter().map(Worker::remote).collect());
        Ok(Workers { workers, crew })
    }

    /// Reaches the workers.
    pub fn crew(&self) -> Crew {
        self.crew.clone()
    }

    /// Whether any has ended by itself.
    pub fn is_finished(&self) -> bool {
        self.workers.iter().any(Worker::is_finished)
    }

    /// Waits for the end of all, the leader's first. What was on its way between them is with the elements
    /// then. `None` if one panicked.
    pub fn join(self) -> Option<Vec<Ended>> {
        if self.workers.iter().skip(1).any(Worker::is_finished) {
            self.crew.request_stop(); // one has panicked
        }
        let mut ended = Vec::with_capacity(self.workers.len());
        for worker in self.workers {
            worker.remote.0.waker.wake();
            ended.push(worker.join());
        }
        let mut ended = ended.into_iter().collect::<Option<Vec<Ended>>>()?;
        settle_all(ended.iter_mut().map(|e| &mut e.engine));
        Some(ended)
    }
}

/// Engines that share the work: linked if there are several.
pub fn engines(workers: usize, make: impl FnMut(usize) -> Engine) -> Vec<Engine> {
    let mut engines: Vec<Engine> = (0..workers).map(make).collect();
    link(&mut engines);
    engines
}
