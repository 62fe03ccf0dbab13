/// The one line on standard output by which a child tells its supervisor that it serves: `ready {"key":"value",…}`.
package struct ReadyLine: Equatable, Sendable {
    /// What was bound and is worth telling, such as `peers` ↦ `0.0.0.0:7700`. Plain text without quotes, backslashes or control
    /// characters.
    package var fields: [String: String]

    /// The longest line that a supervisor reads.
    package static let bytesMax = 8_192

    package init(_ fields: [String: String] = [:]) { self.fields = fields }

    /// Reads a line without its newline; `nil` where it is no ready line.
    package init?(line: String) {
        guard line.utf8.count <= ReadyLine.bytesMax, line.hasPrefix("ready ") else { return nil }
        let parts = line.dropFirst("ready ".count).split(separator: "\"", omittingEmptySubsequences: false)
        // `{"a":"b","c":"d"}` splits at its quotes into { a : b , c : d }.
        guard parts.first == "{", parts.last == "}", parts.count % 4 == 1 else {
            guard line == "ready {}" else { return nil }
            self.init()
            return
        }
        var fields: [String: String] = [:]
        for start in stride(from: 1, to: parts.count - 1, by: 4) {
            let last = start + 4 == parts.count
            guard parts[start + 1] == ":", parts[start + 3] == (last ? "}" : ",") else { return nil }
            fields[String(parts[start])] = String(parts[start + 2])
        }
        self.init(fields)
    }

    /// The line without its newline.
    package var line: String {
        let members = fields.sorted { $0.key < $1.key }.map { "\"\(clean($0.key))\":\"\(clean($0.value))\"" }
        return "ready {\(members.joined(separator: ","))}"
    }

    private func clean(_ text: String) -> String {
        String(text.unicodeScalars.filter { $0 >= " " && $0 != "\"" && $0 != "\\" }.map(Character.init))
    }
}
