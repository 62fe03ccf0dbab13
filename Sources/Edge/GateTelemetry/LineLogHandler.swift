package import Logging

/// Writes log lines, as text or JSON, to one output.
///
/// A value type: each logger has its own level and metadata, all share the output.
package struct LineLogHandler: LogHandler {
    package var logLevel: Logger.Level
    package var metadata: Logger.Metadata = [:]
    package var metadataProvider: Logger.MetadataProvider?

    private let label: String
    private let program: String
    private let format: LogFormat
    private let now: @Sendable () -> WallTime
    private let write: @Sendable (String) -> Void

    /// - Parameters:
    ///   - label: The logger's name, a module or part of it.
    ///   - program: The process's name, such as `kernel-1`.
    ///   - write: Takes one whole line, its newline included; must not block for long.
    package init(
        label: String, program: String, format: LogFormat, level: Logger.Level,
        now: @escaping @Sendable () -> WallTime = { WallTime.now() },
        write: @escaping @Sendable (String) -> Void
    ) {
        self.label = label
        self.program = program
        self.format = format
        self.logLevel = level
        self.now = now
        self.write = write
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        var pairs = metadata
        if let provided = metadataProvider?.get() { pairs.merge(provided) { $1 } }
        if let given = event.metadata { pairs.merge(given) { $1 } }
        if let error = event.error { pairs[LogKey.error] = "\(error)" }
        let fields = pairs.sorted { $0.key < $1.key }.map { (key: $0.key, value: plain($0.value, of: $0.key)) }
        switch format {
        case .text: write(textLine(event, fields))
        case .json: write(jsonLine(event, fields))
        }
    }

    private func textLine(_ event: LogEvent, _ fields: [(key: String, value: String)]) -> String {
        var line = "\(now()) \(padded(event.level.rawValue)) \(program) \(label): "
        line += escaped(LogRedaction.bounded(event.message.description), for: .text)
        for field in fields { line += " \(escaped(field.key, for: .text))=\(quotedIfNeeded(field.value))" }
        return line + "\n"
    }

    private func jsonLine(_ event: LogEvent, _ fields: [(key: String, value: String)]) -> String {
        let head = [
            ("time", "\(now())"), ("level", event.level.rawValue), ("program", program), ("label", label),
            ("message", LogRedaction.bounded(event.message.description)),
        ]
        let members = (head + fields.map { ($0.key, $0.value) })
            .map { "\"\(escaped($0.0, for: .json))\":\"\(escaped($0.1, for: .json))\"" }
        return "{\(members.joined(separator: ","))}\n"
    }

    private func plain(_ value: Logger.MetadataValue, of key: String) -> String {
        switch value {
        case .string(let text): LogRedaction.value(text, of: key)
        case .stringConvertible(let thing): LogRedaction.value(thing.description, of: key)
        case .array(let values):
            LogRedaction.value(values.map { plain($0, of: key) }.joined(separator: ","), of: key)
        case .dictionary(let values):
            LogRedaction.value(
                values.sorted { $0.key < $1.key }.map { "\($0.key)=\(plain($0.value, of: $0.key))" }
                    .joined(separator: ","), of: key)
        }
    }

    private func quotedIfNeeded(_ value: String) -> String {
        let text = escaped(value, for: .text)
        return text.isEmpty || text.contains(" ") || text.contains("\"") ? "\"\(escaped(value, for: .json))\"" : text
    }

    private func padded(_ level: String) -> String {
        level + String(repeating: " ", count: max(0, 8 - level.count))
    }
}

/// Makes control characters visible, so that no value can begin a line of its own or move a terminal's cursor.
private func escaped(_ text: String, for format: LogFormat) -> String {
    var result = ""
    result.reserveCapacity(text.utf8.count)
    for scalar in text.unicodeScalars {
        switch (format, scalar) {
        case (_, "\n"): result += "\\n"
        case (_, "\r"): result += "\\r"
        case (_, "\t"): result += "\\t"
        case (.json, "\""): result += "\\\""
        case (.json, "\\"): result += "\\\\"
        case (_, "\u{0}"..<" "), (_, "\u{7f}"..."\u{9f}"), (_, "\u{2028}"), (_, "\u{2029}"):
            let hexadecimal = String(scalar.value, radix: 16)
            result += "\\u" + String(repeating: "0", count: 4 - hexadecimal.count) + hexadecimal
        default: result.unicodeScalars.append(scalar)
        }
    }
    return result
}
