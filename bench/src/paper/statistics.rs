//! Means and their 95 % confidence intervals, for few runs whose values are normally distributed: Student's t.
use serde::{Deserialize, Serialize};

/// Confidence of the intervals.
pub(crate) const CONFIDENCE: f64 = 0.95;

/// A mean, and how far the true one may be from it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Estimate {
    pub(crate) mean: f64,
    /// Half of the confidence interval; not known of a single run.
    pub(crate) half: Option<f64>,
    /// Runs that it is of.
    pub(crate) runs: u32,
}

/// The mean of all runs with its confidence interval; `None` without runs.
pub(crate) fn estimate(values: &[f64]) -> Option<Estimate> {
    let runs = u32::try_from(values.len()).ok().filter(|n| *n > 0)?;
    let n = f64::from(runs);
    let mean = values.iter().sum::<f64>() / n;
    let half = (runs > 1).then(|| {
        let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
        student_t(runs - 1) * (squares / (n - 1.0) / n).sqrt()
    });
    Some(Estimate { mean, half, runs })
}

/// The t of which a variable of Student's distribution is within -t to t with [`CONFIDENCE`], for 1 or more degrees of
/// freedom.
fn student_t(degrees: u32) -> f64 {
    let (mut low, mut high) = (0.0, std::f64::consts::FRAC_PI_2);
    // The angle whose tangent is t / sqrt(degrees), as precise as a double is.
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        if within(middle, degrees) < CONFIDENCE { low = middle } else { high = middle }
    }
    f64::from(degrees).sqrt() * low.tan()
}

/// Abramowitz and Stegun, "Handbook of Mathematical Functions", 26.7.3 and 26.7.4: the probability of -t to t, where `angle` is
/// that whose tangent is t / sqrt(degrees).
fn within(angle: f64, degrees: u32) -> f64 {
    let (sin, cos) = angle.sin_cos();
    let odd = degrees % 2 == 1;
    // Odd: cos + 2/3 cos^3 + ... to cos^(degrees - 2); even: 1 + 1/2 cos^2 + ... to the same.
    let mut power = if odd { 1 } else { 0 };
    let mut term = if odd { cos } else { 1.0 };
    let mut sum = 0.0;
    while power + 2 <= degrees {
        sum += term;
        power += 2;
        term *= f64::from(power - 1) / f64::from(power) * cos * cos;
    }
    if odd { (angle + sin * sum) * std::f64::consts::FRAC_2_PI } else { sin * sum }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn students_t_is_that_of_the_tables() {
        // NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.6.7.2, column 0.975.
        for (degrees, t) in [
            (1, 12.706),
            (2, 4.303),
            (3, 3.182),
            (4, 2.776),
            (5, 2.571),
            (9, 2.262),
            (29, 2.045),
            (30, 2.042),
            (100, 1.984),
        ] {
            assert!((student_t(degrees) - t).abs() < 0.0006, "{degrees}: {}", student_t(degrees));
        }
        // For many it is the normal distribution's.
        assert!((student_t(10_000) - 1.960).abs() < 0.001);
    }

    #[test]
    fn an_interval_is_that_of_the_mean() {
        // Mean 5, standard deviation sqrt(32 / 7), 8 runs: 2.365 * 2.138 / sqrt(8).
        let e = estimate(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]).unwrap();
        assert_eq!((e.mean, e.runs), (5.0, 8));
        assert!((e.half.unwrap() - 1.7875).abs() < 0.0005, "{e:?}");
    }

    #[test]
    fn one_run_has_a_mean_alone_and_none_has_nothing() {
        assert_eq!(estimate(&[3.0]), Some(Estimate { mean: 3.0, half: None, runs: 1 }));
        assert_eq!(estimate(&[]), None);
        assert_eq!(estimate(&[3.0, 3.0]).unwrap().half, Some(0.0));
    }
}
