//! Cores: which the process may use, pinning a thread to one, the processor time that a thread used.
use rustix::thread::CpuSet;
use std::io;
use std::time::Duration;

/// Cores that the calling thread may run on, ascending.
pub fn allowed_cores() -> io::Result<Vec<usize>> {
    let set = rustix::thread::sched_getaffinity(None)?;
    Ok((0..CpuSet::MAX_CPU).filter(|core| set.is_set(*core)).collect())
}

/// Binds the calling thread to one core.
///
/// # Errors
/// `InvalidInput` for a core that does not exist or that the process may not use; the text names those that it may.
pub fn pin_to_core(core: usize) -> io::Result<()> {
    let allowed = allowed_cores()?;
    if !allowed.contains(&core) {
        let list: Vec<String> = allowed.iter().map(usize::to_string).collect();
        let text = format!("core {core} cannot be used (usable: {})", list.join(", "));
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    }
    let mut set = CpuSet::new();
    set.set(core);
    Ok(rustix::thread::sched_setaffinity(None, &set)?)
}

/// Processor time that the calling thread has used so far, in user code and in the kernel.
pub fn thread_cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_can_be_pinned_to_an_allowed_core() {
        let last = *allowed_cores().unwrap().last().unwrap();
        std::thread::spawn(move || {
            pin_to_core(last).unwrap();
            assert_eq!(allowed_cores().unwrap(), [last]);
        })
        .join()
        .unwrap();
    }

    #[test]
    fn other_cores_are_refused() {
        let error = pin_to_core(5000).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        assert!(error.to_string().starts_with("core 5000 cannot be used (usable: "));
    }

    #[test]
    fn processor_time_grows_with_work() {
        let before = thread_cpu_time();
        let mut sum = 0_u64;
        while thread_cpu_time() == before {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
        assert!(thread_cpu_time() > before);
    }
}
