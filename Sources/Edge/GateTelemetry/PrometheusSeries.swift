internal import CoreMetrics
internal import Synchronization

/// What a series is called: a legal metric name and its labels.
struct SeriesName: Hashable, Comparable {
    let name: String
    /// `{a="b"}`, or nothing.
    let labels: String

    init(label: String, dimensions: [(String, String)], suffix: String = "") {
        let legal = legalName(label)
        name = legal.hasSuffix(suffix) ? legal : legal + suffix
        let pairs = dimensions.map { "\(legalName($0.0))=\"\(escapedLabel($0.1))\"" }
        labels = pairs.isEmpty ? "" : "{\(pairs.joined(separator: ","))}"
    }

    /// The labels with one more, as histogram buckets need.
    func labels(adding label: String, _ value: String) -> String {
        labels.isEmpty ? "{\(label)=\"\(value)\"}" : "\(labels.dropLast()),\(label)=\"\(value)\"}"
    }

    static func < (left: SeriesName, right: SeriesName) -> Bool {
        left.name == right.name ? left.labels < right.labels : left.name < right.name
    }
}

/// One series as it is written.
struct Sample {
    enum Kind: String { case counter, gauge, histogram }

    let name: SeriesName
    let kind: Kind
    let text: String
}

/// Counts whole things.
final class CounterSeries: CounterHandler {
    let name: SeriesName
    private let value = Atomic<Int64>(0)

    init(_ name: SeriesName) { self.name = name }

    func increment(by amount: Int64) { value.wrappingAdd(amount, ordering: .relaxed) }
    func reset() { value.store(0, ordering: .relaxed) }

    var sample: Sample {
        Sample(name: name, kind: .counter, text: "\(name.name)\(name.labels) \(value.load(ordering: .relaxed))\n")
    }
}

/// A number that goes up and down, or a counter of fractions.
final class GaugeSeries: MeterHandler, FloatingPointCounterHandler, RecorderHandler {
    let name: SeriesName
    private let kind: Sample.Kind
    private let bits = Atomic<UInt64>(0)

    init(_ name: SeriesName, kind: Sample.Kind) {
        self.name = name
        self.kind = kind
    }

    func set(_ value: Int64) { set(Double(value)) }
    func set(_ value: Double) { bits.store(value.bitPattern, ordering: .relaxed) }
    func record(_ value: Int64) { set(Double(value)) }
    func record(_ value: Double) { set(value) }
    func increment(by amount: Double) { bits.add(amount) }
    func decrement(by amount: Double) { bits.add(-amount) }
    func reset() { set(0.0) }

    var sample: Sample {
        let value = Double(bitPattern: bits.load(ordering: .relaxed))
        return Sample(name: name, kind: kind, text: "\(name.name)\(name.labels) \(number(value))\n")
    }
}

/// Counts values by size, with their sum.
final class HistogramSeries: TimerHandler, RecorderHandler {
    /// Upper bounds of the buckets; one more without bound follows.
    struct Bounds {
        let values: [Double]

        /// 50 µs to 100 s.
        static var seconds: Bounds {
            Bounds(values: [
                0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5,
                5, 10, 30, 100,
            ])
        }

        /// 1 to 16 Mi, by factors of 4.
        static var sizes: Bounds { Bounds(values: (0...12).map { Double(1 << (2 * $0)) }) }
    }

    let name: SeriesName
    private let bounds: [Double]
    private let buckets: [Bucket]
    private let sum = Atomic<UInt64>(0)

    /// A class, because an atomic stays where it is.
    private final class Bucket: Sendable { let count = Atomic<Int64>(0) }

    init(_ name: SeriesName, bounds: Bounds) {
        self.name = name
        self.bounds = bounds.values
        buckets = (0...bounds.values.count).map { _ in Bucket() }
    }

    func recordNanoseconds(_ duration: Int64) { record(Double(duration) / 1_000_000_000) }
    func record(_ value: Int64) { record(Double(value)) }
    func record(_ value: Double) {
        let index = bounds.firstIndex { value <= $0 } ?? bounds.count
        buckets[index].count.wrappingAdd(1, ordering: .relaxed)
        sum.add(value)
    }

    var sample: Sample {
        var text = ""
        var total: Int64 = 0
        for (index, bucket) in buckets.enumerated() {
            total += bucket.count.load(ordering: .relaxed)
            let bound = index < bounds.count ? number(bounds[index]) : "+Inf"
            text += "\(name.name)_bucket\(name.labels(adding: "le", bound)) \(total)\n"
        }
        text += "\(name.name)_sum\(name.labels) \(number(Double(bitPattern: sum.load(ordering: .relaxed))))\n"
        text += "\(name.name)_count\(name.labels) \(total)\n"
        return Sample(name: name, kind: .histogram, text: text)
    }
}

extension Atomic where Value == UInt64 {
    /// Adds to the `Double` whose bits these are.
    fileprivate func add(_ amount: Double) {
        var old = load(ordering: .relaxed)
        while true {
            let new = (Double(bitPattern: old) + amount).bitPattern
            let (exchanged, original) = weakCompareExchange(expected: old, desired: new, ordering: .relaxed)
            if exchanged { return }
            old = original
        }
    }
}

private func legalName(_ label: String) -> String {
    let name = String(
        label.unicodeScalars.map { scalar in
            switch scalar {
            case "a"..."z", "A"..."Z", "0"..."9", "_", ":": Character(scalar)
            default: "_"
            }
        })
    return name.first?.isNumber == false ? name : "_" + name
}

private func escapedLabel(_ value: String) -> String {
    var result = ""
    for character in value {
        switch character {
        case "\\": result += "\\\\"
        case "\"": result += "\\\""
        case "\n": result += "\\n"
        default: result.append(character)
        }
    }
    return result
}

private func number(_ value: Double) -> String {
    if value.isNaN { return "NaN" }
    if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
    return value == value.rounded() && abs(value) < 1e15 ? "\(Int64(value))" : "\(value)"
}
