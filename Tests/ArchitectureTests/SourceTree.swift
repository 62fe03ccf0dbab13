import Foundation

/// The package as it lies on disk, for tests about its text.
struct SourceTree {
    struct File {
        /// From the package's root: `Sources/Core/GateModel/Endpoint.swift`.
        let path: String
        let lines: [String]

        var folders: [String] { path.split(separator: "/").map(String.init) }
        /// `Core`, `Edge`, … for a file in `Sources`.
        var layer: String { folders[1] }
        /// The folder of the module, which for all but programs is its name.
        var moduleFolder: String { folders[2] }
        var isGenerated: Bool { folders.contains("Generated") }
        /// Lines without comments and string contents, so that words in prose don't count.
        var code: [String] { lines.map(codeOnly) }
    }

    let root: URL
    let sources: [File]
    let tests: [File]

    static let shared = SourceTree()

    private init() {
        root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        sources = SourceTree.files(in: "Sources", root: root)
        tests = SourceTree.files(in: "Tests", root: root)
    }

    func text(_ path: String) throws -> String {
        try String(contentsOf: root.appending(path: path), encoding: .utf8)
    }

    private static func files(in folder: String, root: URL) -> [File] {
        let paths =
            FileManager.default.enumerator(atPath: root.appending(path: folder).path)?
            .compactMap { $0 as? String }.filter { $0.hasSuffix(".swift") } ?? []
        return paths.sorted().compactMap { path in
            guard let text = try? String(contentsOf: root.appending(path: "\(folder)/\(path)"), encoding: .utf8) else {
                return nil
            }
            return File(path: "\(folder)/\(path)", lines: text.components(separatedBy: "\n"))
        }
    }
}

/// A line without what stands in quotes and after `//`.
private func codeOnly(_ line: String) -> String {
    var result = ""
    var isQuoted = false
    var previous: Character = " "
    for character in line {
        if character == "\"", previous != "\\" { isQuoted.toggle() }
        if !isQuoted, character == "/", previous == "/" { return String(result.dropLast()) }
        if !isQuoted { result.append(character) }
        previous = character
    }
    return result
}
