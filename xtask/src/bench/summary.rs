//! Medians over the rounds, and their ratios.

use super::measurement::Row;
use super::server::Kind;
use super::workload::Work;

/// The rows of a run.
pub(crate) struct Summary<'a>(pub(crate) &'a [Row]);

/// A column of a [`Row`].
pub(crate) type Figure = fn(&Row) -> f64;

impl Summary<'_> {
    /// The median over the rounds; `None` if there is no measurement.
    pub(crate) fn median(&self, work: Work, server: Kind, concurrency: u32, figure: Figure) -> Option<f64> {
        median(self.cell(work, server, concurrency).map(figure).collect())
    }

    /// One server's median over another's.
    pub(crate) fn ratio(
        &self,
        work: Work,
        servers: (Kind, Kind),
        concurrency: u32,
        figure: Figure,
    ) -> Option<f64> {
        let (one, other) = servers;
        let one = self.median(work, one, concurrency, figure)?;
        let other = self.median(work, other, concurrency, figure)?;
        (other > 0.0).then(|| one / other)
    }

    /// The requests that failed, in all rounds.
    pub(crate) fn failed(&self, work: Work, server: Kind, concurrency: u32) -> u64 {
        self.cell(work, server, concurrency).map(|row| row.failed).sum()
    }

    /// The concurrencies that were measured, in order.
    pub(crate) fn concurrencies(&self) -> Vec<u32> {
        let mut all: Vec<u32> = self.0.iter().map(|row| row.concurrency).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    fn cell(&self, work: Work, server: Kind, concurrency: u32) -> impl Iterator<Item = &Row> {
        self.0
            .iter()
            .filter(move |row| (row.work, row.server, row.concurrency) == (work, server, concurrency))
    }
}

/// The middle value, or the mean of the two middle values; `None` for no values.
pub(crate) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    let lower = *values.get((values.len() - 1) / 2)?;
    Some(f64::midpoint(lower, upper))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(vec![]), None);
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), Some(2.5));
    }
}
