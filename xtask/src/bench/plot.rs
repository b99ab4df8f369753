//! The plot: latency and processor time by concurrency, a row for each workload of more than one server.

use std::path::Path;

use anyhow::Result;
use plotters::coord::Shift;
use plotters::prelude::*;

use super::machine;
use super::server::Kind;
use super::summary::{Figure, Summary};
use super::workload::Work;

/// The size of one diagram in pixels.
const SIZE: (u32, u32) = (460, 300);

/// The diagrams of each workload.
const FIGURES: [(&str, Figure); 2] = [
    ("p99, ms", |row| row.p99_ms),
    ("CPU per request, µs", |row| row.cpu_us_per_request),
];

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Draws the plot into `file`.
pub(crate) fn draw(summary: &Summary, file: &Path) -> Result<()> {
    let compared = |work: &Work| lines(summary, *work, FIGURES[0].1).len() > 1;
    let works: Vec<_> = Work::ALL.into_iter().filter(compared).collect();
    if works.is_empty() {
        println!("There is nothing to plot: no work was done by more than one server.");
        return Ok(());
    }
    let rows = u32::try_from(works.len())?;
    let root = SVGBackend::new(file, (SIZE.0 * 2, SIZE.1 * rows + 40)).into_drawing_area();
    root.fill(&WHITE)?;
    let root = root.titled(&machine::name(), ("sans-serif", 14))?;
    let areas = root.split_evenly((works.len(), FIGURES.len()));
    let diagrams = works
        .iter()
        .flat_map(|work| FIGURES.map(|(title, figure)| (*work, title, figure)));
    for (area, (work, title, figure)) in areas.iter().zip(diagrams) {
        diagram(area, &format!("{work}: {title}"), &lines(summary, work, figure))?;
    }
    root.present()?;
    Ok(())
}

/// A server's figure at each concurrency.
struct Line {
    server: Kind,
    points: Vec<(f64, f64)>,
}

fn lines(summary: &Summary, work: Work, figure: Figure) -> Vec<Line> {
    let line = |server| {
        let points = summary.concurrencies().into_iter().filter_map(|concurrency| {
            Some((
                f64::from(concurrency),
                summary.median(work, server, concurrency, figure)?,
            ))
        });
        Line {
            server,
            points: points.collect(),
        }
    };
    Kind::ALL
        .into_iter()
        .map(line)
        .filter(|line| !line.points.is_empty())
        .collect()
}

/// Draws a diagram. Both axes are logarithmic, because factors matter between servers and between concurrencies.
fn diagram(area: &Area, title: &str, lines: &[Line]) -> Result<()> {
    let values = || lines.iter().flat_map(|line| &line.points);
    let (least, most) = values().fold((f64::MAX, 0.0_f64), |(least, most), (_, y)| {
        (least.min(*y), most.max(*y))
    });
    let highest = values().fold(1.0_f64, |highest, (x, _)| highest.max(*x));
    let mut chart = ChartBuilder::on(area)
        .caption(title, ("sans-serif", 15))
        .margin(8)
        .x_label_area_size(36)
        .y_label_area_size(56)
        .build_cartesian_2d(
            (1.0..highest * 1.1).log_scale(),
            (least / 4.0..most * 2.0).log_scale(),
        )?;
    chart
        .configure_mesh()
        .x_desc("requests at once")
        .light_line_style(TRANSPARENT)
        .draw()?;
    for Line { server, points } in lines {
        let colour = colour(*server);
        chart
            .draw_series(LineSeries::new(points.iter().copied(), colour.stroke_width(2)).point_size(3))?
            .label(server.to_string())
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], colour.stroke_width(2)));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::LowerRight)
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK.mix(0.3))
        .draw()?;
    Ok(())
}

fn colour(server: Kind) -> RGBColor {
    match server {
        Kind::Berth => RGBColor(0, 95, 175),
        Kind::BerthTraced => RGBColor(90, 170, 230),
        Kind::Native => RGBColor(0, 135, 90),
        Kind::Fastapi => RGBColor(200, 80, 0),
        Kind::WasmtimeServe => RGBColor(120, 80, 170),
        Kind::WasmtimeServeTuned => RGBColor(190, 150, 30),
    }
}
