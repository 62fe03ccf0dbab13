import CoreMetrics
import Testing

@testable import GateTelemetry

@Suite struct PrometheusRegistryTests {
    private let registry = PrometheusRegistry()

    @Test func `a counter adds up under its legal name`() {
        let counter = Counter(label: "gate.sessions", dimensions: [("kind", "direct \"x\"")], factory: registry)
        counter.increment(by: 2)
        counter.increment()
        #expect(registry.text().contains("# TYPE gate_sessions_total counter\n"))
        #expect(registry.text().contains("gate_sessions_total{kind=\"direct \\\"x\\\"\"} 3\n"))
    }

    @Test func `two handles of one name and dimensions are one series`() {
        Counter(label: "a", factory: registry).increment()
        Counter(label: "a", factory: registry).increment()
        #expect(
            registry.text().contains("\na_total 2\n")
                || registry.text().hasPrefix("# TYPE a_total counter\na_total 2\n"))
    }

    @Test func `a meter goes up and down`() {
        let meter = Meter(label: "gate.open", factory: registry)
        meter.increment(by: 3)
        meter.decrement(by: 1.5)
        #expect(registry.text().contains("gate_open 1.5\n"))
    }

    @Test func `a timer is a cumulative histogram in seconds`() {
        let timer = Timer(label: "gate.handshake", factory: registry)
        timer.recordMilliseconds(2)
        timer.recordSeconds(200)
        let text = registry.text()
        #expect(text.contains("gate_handshake_seconds_bucket{le=\"0.001\"} 0\n"))
        #expect(text.contains("gate_handshake_seconds_bucket{le=\"0.0025\"} 1\n"))
        #expect(text.contains("gate_handshake_seconds_bucket{le=\"+Inf\"} 2\n"))
        #expect(text.contains("gate_handshake_seconds_sum 200.002\n"))
        #expect(text.contains("gate_handshake_seconds_count 2\n"))
    }

    @Test func `a destroyed series is no longer written`() {
        let handler = registry.makeCounter(label: "gone", dimensions: [])
        registry.destroyCounter(handler)
        #expect(!registry.text().contains("gone_total"))
    }

    @Test func `series beyond the bound are refused and counted`() {
        for number in 0..<PrometheusRegistry.seriesCountMax + 3 {
            Counter(label: "many", dimensions: [("n", "\(number)")], factory: registry).increment()
        }
        #expect(registry.text().contains("gate_series_refused_total 3\n"))
    }

    @Test func `parallel increments are all counted`() async {
        let counter = Counter(label: "parallel", factory: registry)
        let meter = Meter(label: "sum", factory: registry)
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    for _ in 0..<1_000 {
                        counter.increment()
                        meter.increment()
                    }
                }
            }
        }
        #expect(registry.text().contains("parallel_total 8000\n"))
        #expect(registry.text().contains("sum 8000\n"))
    }

    @Test func `the process's own figures are there`() {
        let figures = ProcessFigures.now()
        #expect(figures.residentBytes > 1_000_000)
        #expect(figures.openDescriptorCount > 2)
        #expect(registry.text().contains("process_cpu_seconds_total "))
    }
}
