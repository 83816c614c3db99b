//! Several functions changed as one: all of them, or none.
use super::{Change, Changed, Function, Functions, Terms};
use crate::alarms::{Cause, Severity};
use crate::problem::Problem;
use crate::store::Origin;

impl Functions {
    /// Changes several functions. All are checked before the first is changed; if one does not start then, those before it
    /// go back to what they were. Nobody else changes anything in between.
    ///
    /// # Errors
    /// As [`Functions::change`], with the findings of all functions. Then everything is as before; should a function not
    /// go back, `detail` says so, and there is an alarm.
    pub fn change_together(
        &self,
        wanted: Vec<(String, Change)>,
        dry_run: bool,
        author: &str,
    ) -> Result<Vec<Changed>, Problem> {
        let busy = || Problem::conflict("another change is being made; try again");
        let _alone = self.changing.try_lock().map_err(|_| busy())?;
        let was = self.look_at(&wanted)?;
        let checked = self.check_together(&wanted, author)?;
        if dry_run {
            return Ok(checked);
        }
        let mut done: Vec<Changed> = Vec::new();
        for (name, change) in wanted {
            match self.change_alone(&name, change, &Terms::default(), author, Origin::Api) {
                Ok(changed) => done.push(changed),
                Err(why) => return Err(self.undo(&was[..done.len()], &done, author, why)),
            }
        }
        Ok(done)
    }

    /// What the functions are, before they are changed.
    fn look_at(&self, wanted: &[(String, Change)]) -> Result<Vec<Function>, Problem> {
        let mut was = Vec::with_capacity(wanted.len());
        for (name, _) in wanted {
            let function = self.get(name)?;
            if let Some(until) = &function.confirm_by {
                let detail =
                    format!("revision {} of ‘{name}’ waits for its confirmation until {until}", function.revision);
                return Err(Problem::conflict(detail));
            }
            was.push(function);
        }
        Ok(was)
    }

    fn check_together(&self, wanted: &[(String, Change)], author: &str) -> Result<Vec<Changed>, Problem> {
        let look = Terms { dry_run: true, ..Terms::default() };
        let (mut checked, mut wrong) = (Vec::new(), None::<Problem>);
        for (name, change) in wanted {
            match (self.change_alone(name, change.clone(), &look, author, Origin::Api), &mut wrong) {
                (Ok(changed), _) => checked.push(changed),
                (Err(why), Some(first)) => first.findings.extend(why.findings),
                (Err(why), none) => *none = Some(Problem { detail: format!("‘{name}’: {}", why.detail), ..why }),
            }
        }
        wrong.map_or(Ok(checked), Err)
    }

    /// Lets functions be again what they were, the last one first.
    fn undo(&self, was: &[Function], done: &[Changed], author: &str, why: Problem) -> Problem {
        let mut lost = Vec::new();
        for (old, _) in was.iter().zip(done).rev().filter(|(_, changed)| changed.changed) {
            let change = Change {
                comment: Some("as before: a function that was to be changed with it does not start".into()),
                ..Change::to(old.configuration.clone())
            };
            if let Err(back) = self.change_alone(&old.name, change, &Terms::default(), author, Origin::Api) {
                let (object, name) = (format!("function/{}", old.name), &old.name);
                let text = format!("‘{name}’ does not go back to what it was: {}", back.detail);
                self.alarms.raise(&object, Cause::ConfigurationOrCustomizationError, Severity::Critical, &text);
                lost.push(text);
            }
        }
        let then = if lost.is_empty() { "everything is as before".into() } else { lost.join("; ") };
        Problem { detail: format!("{}; {then}", why.detail), ..why }
    }
}
