package import CoreMetrics
internal import Synchronization

/// Keeps every metric of the process and writes them as Prometheus text.
///
/// Counting is one atomic operation; the lock is taken only to make, drop or write series. A label `gate.sessions`
/// becomes `gate_sessions`, counters end in `_total`, timers are histograms in seconds.
package final class PrometheusRegistry: MetricsFactory {
    /// The most series that are kept; what comes later is not counted and shows in `gate_series_refused_total`.
    package static let seriesCountMax = 4_096

    private struct Series {
        var counters: [SeriesName: CounterSeries] = [:]
        var gauges: [SeriesName: GaugeSeries] = [:]
        var histograms: [SeriesName: HistogramSeries] = [:]
        var refusedCount = 0

        var count: Int { counters.count + gauges.count + histograms.count }

        /// The series of that name, made if there is room.
        mutating func find<Handler>(
            _ name: SeriesName, in kind: WritableKeyPath<Series, [SeriesName: Handler]>, make: () -> Handler
        ) -> Handler? {
            if let existing = self[keyPath: kind][name] { return existing }
            guard count < seriesCountMax else {
                refusedCount += 1
                return nil
            }
            let made = make()
            self[keyPath: kind][name] = made
            return made
        }
    }

    private let series = Mutex(Series())

    package init() {}

    package func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        let name = SeriesName(label: label, dimensions: dimensions, suffix: "_total")
        return series.withLock { $0.find(name, in: \.counters) { CounterSeries(name) } } ?? NOOPMetricsHandler.instance
    }

    package func makeFloatingPointCounter(
        label: String, dimensions: [(String, String)]
    ) -> any FloatingPointCounterHandler {
        let name = SeriesName(label: label, dimensions: dimensions, suffix: "_total")
        return series.withLock { $0.find(name, in: \.gauges) { GaugeSeries(name, kind: .counter) } }
            ?? NOOPMetricsHandler.instance
    }

    package func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        let name = SeriesName(label: label, dimensions: dimensions)
        return series.withLock { $0.find(name, in: \.gauges) { GaugeSeries(name, kind: .gauge) } }
            ?? NOOPMetricsHandler.instance
    }

    package func makeRecorder(
        label: String, dimensions: [(String, String)], aggregate: Bool
    ) -> any RecorderHandler {
        let name = SeriesName(label: label, dimensions: dimensions)
        return series.withLock { series -> (any RecorderHandler)? in
            aggregate
                ? series.find(name, in: \.histograms) { HistogramSeries(name, bounds: .sizes) }
                : series.find(name, in: \.gauges) { GaugeSeries(name, kind: .gauge) }
        } ?? NOOPMetricsHandler.instance
    }

    package func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        let name = SeriesName(label: label, dimensions: dimensions, suffix: "_seconds")
        return series.withLock { $0.find(name, in: \.histograms) { HistogramSeries(name, bounds: .seconds) } }
            ?? NOOPMetricsHandler.instance
    }

    package func destroyCounter(_ handler: any CounterHandler) {
        guard let handler = handler as? CounterSeries else { return }
        series.withLock { $0.counters[handler.name] = nil }
    }

    package func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) {
        drop(handler as? GaugeSeries)
    }

    package func destroyMeter(_ handler: any MeterHandler) { drop(handler as? GaugeSeries) }

    package func destroyRecorder(_ handler: any RecorderHandler) {
        drop(handler as? GaugeSeries)
        drop(handler as? HistogramSeries)
    }

    package func destroyTimer(_ handler: any TimerHandler) { drop(handler as? HistogramSeries) }

    /// All series in Prometheus text format 0.0.4, sorted by name, this process's own figures last.
    package func text() -> String {
        let (lines, refusedCount) = series.withLock { series in
            (
                series.counters.values.map(\.sample) + series.gauges.values.map(\.sample)
                    + series.histograms.values.map(\.sample), series.refusedCount
            )
        }
        var text = ""
        var previous = ""
        for sample in lines.sorted(by: { $0.name < $1.name }) {
            if sample.name.name != previous { text += "# TYPE \(sample.name.name) \(sample.kind.rawValue)\n" }
            previous = sample.name.name
            text += sample.text
        }
        text += "# TYPE gate_series_refused_total counter\ngate_series_refused_total \(refusedCount)\n"
        return text + ProcessFigures.now().text
    }

    private func drop(_ gauge: GaugeSeries?) {
        guard let gauge else { return }
        series.withLock { $0.gauges[gauge.name] = nil }
    }

    private func drop(_ histogram: HistogramSeries?) {
        guard let histogram else { return }
        series.withLock { $0.histograms[histogram.name] = nil }
    }
}
