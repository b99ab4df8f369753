//! The two formats of the page: `OpenMetrics`, and Prometheus' text format for scrapers that do not ask for it.

use http::{HeaderMap, header};

use super::catalog::METRICS;

/// The content types.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A format of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    OpenMetrics,
    Text,
}

impl Format {
    /// The format that a scraper prefers: `OpenMetrics` if its `Accept` names it, and prefers nothing else to it.
    pub(super) fn accepted(headers: &HeaderMap) -> Self {
        let accepted = headers
            .get_all(header::ACCEPT)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','));
        let (mut open_metrics, mut text) = (0.0, 0.0_f64);
        for range in accepted {
            let (media_type, weight) = parse(range);
            match media_type.as_str() {
                "application/openmetrics-text" if weight > open_metrics => open_metrics = weight,
                "text/plain" => text = text.max(weight),
                _ => {}
            }
        }
        if open_metrics > 0.0 && open_metrics >= text {
            Self::OpenMetrics
        } else {
            Self::Text
        }
    }

    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => OPEN_METRICS,
            Self::Text => TEXT,
        }
    }

    /// The page in this format, from a page of `OpenMetrics`.
    pub(super) fn page(self, open_metrics: String) -> String {
        match self {
            Self::OpenMetrics => open_metrics,
            Self::Text => as_text(&open_metrics),
        }
    }
}

/// The media type of a range, and its weight.
fn parse(range: &str) -> (String, f64) {
    let mut parts = range.split(';').map(str::trim);
    let media_type = parts.next().unwrap_or_default().to_ascii_lowercase();
    let weight = parts
        .find_map(|part| part.strip_prefix("q="))
        .map_or(1.0, |weight| weight.parse().unwrap_or(0.0));
    (media_type, weight)
}

/// A page of `OpenMetrics` in Prometheus' text format, where a counter is described by the name of its series, and
/// neither units nor the page's end are written.
fn as_text(page: &str) -> String {
    let mut text = String::with_capacity(page.len());
    for line in page.lines() {
        let described = ["# HELP ", "# TYPE "]
            .iter()
            .find_map(|begin| Some((*begin, line.strip_prefix(begin)?.split_once(' ')?)));
        match described {
            Some((begin, (name, rest))) => {
                let metric = METRICS.iter().find(|metric| metric.family() == name);
                text.push_str(begin);
                text.push_str(metric.map_or(name, |metric| metric.name));
                text.push(' ');
                text.push_str(rest);
            }
            None if line.starts_with('#') => continue,
            None => text.push_str(line),
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

    use super::*;

    fn accepted(accept: &str) -> Format {
        Format::accepted(&[(header::ACCEPT, accept.parse().unwrap())].into_iter().collect())
    }

    #[test]
    fn a_scraper_gets_the_format_that_it_prefers() {
        let prometheus = "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;\
                          q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
        assert_eq!(accepted(prometheus), Format::OpenMetrics);
        assert_eq!(accepted("application/openmetrics-text"), Format::OpenMetrics);
        for other in [
            "*/*",
            "text/plain",
            "text/html",
            "",
            "application/openmetrics-text;q=0",
        ] {
            assert_eq!(accepted(other), Format::Text, "{other}");
        }
        assert_eq!(
            accepted("text/plain, application/openmetrics-text;q=0.5"),
            Format::Text
        );
        assert_eq!(Format::accepted(&HeaderMap::new()), Format::Text);
    }

    #[test]
    fn a_counter_of_the_text_format_is_described_by_the_name_of_its_series() {
        let page = "# HELP process_cpu_seconds Time.\n# TYPE process_cpu_seconds counter\n# UNIT process_cpu_seconds seconds\n\
                    process_cpu_seconds_total 1.5\n# EOF\n";
        assert_eq!(
            as_text(page),
            "# HELP process_cpu_seconds_total Time.\n# TYPE process_cpu_seconds_total counter\nprocess_cpu_seconds_total 1.5\n"
        );
    }
}
