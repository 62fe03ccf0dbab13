/// A key that stands twice in one mapping of a settings file, cut out of it: no parser of YAML goes on behind one, and what
/// else is wrong is to be told, too.
///
/// Goes by lines and indentation, so it knows mappings that are written one key a line.
struct SettingsRepeat {
    /// Path of the mapping; empty at the top.
    let parent: String
    /// The lines of the repetition.
    let block: String
    /// The file with these lines empty.
    let rest: String

    /// Finds the first repetition of the key `name` that begins at that line and column, both from 1.
    init?(of name: String, line: Int, column: Int, in yaml: String) {
        var lines = yaml.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).map(String.init)
        let indent = column - 1
        guard lines.indices.contains(line - 1),
            let start = SettingsRepeat.start(of: name, indent, in: lines, behind: line - 1)
        else { return nil }
        let end =
            lines[(start + 1)...].firstIndex { SettingsRepeat.ends($0, blockAt: indent) } ?? lines.endIndex
        let above = lines[..<(line - 1)].last { SettingsRepeat.indent(of: $0).map { $0 < indent } ?? false }
        parent = above.flatMap { SettingsRepeat.key(of: $0) } ?? ""
        guard parent.isEmpty == (indent == 0) else { return nil }
        block = lines[start..<end].joined(separator: "\n")
        for index in start..<end { lines[index] = "" }
        rest = lines.joined(separator: "\n")
    }

    private static func start(of name: String, _ indent: Int, in lines: [String], behind first: Int) -> Int? {
        for index in lines.indices.dropFirst(first + 1) {
            guard let found = SettingsRepeat.indent(of: lines[index]) else { continue }
            guard found >= indent else { return nil }
            if found == indent, key(of: lines[index]) == name { return index }
        }
        return nil
    }

    /// How far a line is indented; `nil` where it is empty or a comment.
    private static func indent(of line: String) -> Int? {
        let indent = line.prefix { $0 == " " }.count
        guard let first = line.dropFirst(indent).first, first != "#" else { return nil }
        return indent
    }

    /// Whether the line is behind the block of a key; the items of its list may be as far left as the key.
    private static func ends(_ line: String, blockAt indent: Int) -> Bool {
        guard let found = SettingsRepeat.indent(of: line) else { return false }
        return found < indent || found == indent && line.dropFirst(indent).first != "-"
    }

    private static func key(of line: String) -> String? {
        guard let colon = line.firstIndex(of: ":") else { return nil }
        let key = line[..<colon].drop { $0 == " " }
        return String(key.filter { $0 != "\"" && $0 != "'" && $0 != " " })
    }
}
