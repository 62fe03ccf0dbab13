import Foundation

/// One measured figure: a line of `quantumgate bench`.
struct BenchFigure: Encodable {
    let metric: String
    let value: Double
    let unit: String
    /// What the figure depends on, e.g. `hops`; and what else was counted on the way.
    let detail: [String: Double]

    init(_ metric: String, _ value: Double, _ unit: String, _ detail: [String: Double] = [:]) {
        self.metric = metric
        self.value = value
        self.unit = unit
        self.detail = detail
    }

    /// The median of repeated measurements; least and most go into the detail.
    init(_ metric: String, of values: [Double], _ unit: String, _ detail: [String: Double] = [:]) {
        let range = ["min": values.min() ?? 0, "max": values.max() ?? 0]
        self.init(metric, values.median, unit, detail.merging(range) { $1 })
    }

    /// Prints the figure: a JSON object a line, or a line for people.
    func report(json: Bool) throws {
        if json {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            print(String(decoding: try encoder.encode(self), as: UTF8.self))
        } else {
            let detail = detail.sorted { $0.key < $1.key }.map { "\($0.key) \(BenchFigure.short($0.value))" }
            print("\(metric): \(BenchFigure.short(value)) \(unit)  \(detail.joined(separator: ", "))")
        }
        fflush(nil)
    }

    private static func short(_ value: Double) -> String {
        value == value.rounded() && abs(value) < 1e9 ? String(Int(value)) : String(format: "%.3f", value)
    }
}

extension [Double] {
    /// The middle value; of an even count the mean of both in the middle; 0 of none.
    var median: Double {
        guard !isEmpty else { return 0 }
        let sorted = sorted()
        return (sorted[(count - 1) / 2] + sorted[count / 2]) / 2
    }
}
