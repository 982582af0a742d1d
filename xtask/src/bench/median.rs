//! What of several rounds counts.

/// The median of a figure over some rounds, of which there is at least one.
pub(super) fn median<T>(rounds: &[T], figure: impl Fn(&T) -> f64) -> f64 {
    let mut values: Vec<f64> = rounds.iter().map(figure).collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_bad_round_of_three_does_not_count() {
        assert!((median(&[3.0, 900.0, 2.0], |figure| *figure) - 3.0).abs() < f64::EPSILON);
        assert!((median(&[7.0], |figure| *figure) - 7.0).abs() < f64::EPSILON);
    }
}
