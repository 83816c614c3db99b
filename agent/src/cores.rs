//! Which cores the workers run on, as the command line says it.

/// Most workers.
const MOST: usize = 64;

/// Cores, one for each worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cores(pub(crate) Vec<usize>);

/// Reads `0,2-4`: numbers and ranges.
pub(crate) fn parse(text: &str) -> Result<Cores, String> {
    let number = |n: &str| n.trim().parse::<usize>().map_err(|_| format!("‘{n}’ is no core"));
    let mut cores = Vec::new();
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (number(first)?, number(last)?);
        if last < first {
            return Err(format!("‘{part}’ ends before it begins"));
        }
        if last - first >= MOST {
            return Err(format!("at most {MOST} cores"));
        }
        for core in first..=last {
            if cores.contains(&core) {
                return Err(format!("core {core} comes twice"));
            }
            cores.push(core);
        }
    }
    if cores.len() > MOST { Err(format!("at most {MOST} cores")) } else { Ok(Cores(cores)) }
}

/// The cores of the workers: those that were asked for, else those that DPDK was given, else the last that is allowed.
pub(crate) fn choose(asked: &[usize], of_dpdk: &[usize]) -> Vec<usize> {
    if let Some(named) = [asked, of_dpdk].into_iter().find(|list| !list.is_empty()) {
        return named.to_vec();
    }
    sluice_dataplane::io::affinity::allowed_cores().ok().and_then(|all| all.last().copied()).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_ranges() {
        assert_eq!(parse("3"), Ok(Cores(vec![3])));
        assert_eq!(parse("0,2-4, 7"), Ok(Cores(vec![0, 2, 3, 4, 7])));
        for wrong in ["", "a", "1,", "3-1", "0,0", "0-2,1", "0-99", "-1"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
