internal import Foundation
internal import GateTelemetry

/// Rows of one kind, printed as a table for people or as a JSON array for programs.
struct Listing<Row: Encodable> {
    /// Heading and text of each column, in order.
    let columns: [(heading: String, text: (Row) -> String)]
    let rows: [Row]
    /// What people read where there are no rows.
    let empty: String

    func text(json: Bool) throws -> String { json ? try jsonText(rows) : table() }

    func table() -> String {
        guard !rows.isEmpty else { return empty }
        let lines = [columns.map(\.heading)] + rows.map { row in columns.map { $0.text(row) } }
        let widths = columns.indices.map { index in lines.map { $0[index].count }.max() ?? 0 }
        return lines.map { cells in
            cells.enumerated().map { index, cell in
                index == cells.count - 1 ? cell : cell + String(repeating: " ", count: widths[index] - cell.count + 2)
            }.joined()
        }.joined(separator: "\n")
    }
}

/// One line of JSON with sorted keys.
func jsonText(_ value: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(value), as: UTF8.self)
}

/// Prints an answer on standard output.
func printLine(_ text: String) { StandardOutput.writeLine(text) }

/// Prints a remark for people on standard error, so that answers stay clean for programs.
func printNote(_ text: String) { StandardError.write(text + "\n") }

/// `2026-11-21T13:02:11Z`.
func timeText(_ seconds: Int64) -> String {
    String(WallTime(milliseconds: seconds * 1_000).description.dropLast(5)) + "Z"
}
