import Foundation

/// The module table of `Package.swift`, read from its text.
struct ModuleTable {
    struct Module {
        let name: String
        let layer: String
        let folder: String
        let uses: [String]
        /// Products of other packages that it may import.
        let libraries: [String]
    }

    let modules: [Module]

    init(manifest: String) {
        let aliases = ModuleTable.aliases(in: manifest)
        let table = manifest.split(separator: "let modules = [").last.map(String.init) ?? ""
        let entries = table.components(separatedBy: "Module(").dropFirst().map { entry in
            entry.components(separatedBy: "\n]\n")[0]
        }
        modules = entries.compactMap { entry in
            guard let name = entry.firstMatch(of: /name:\s*"([^"]+)"/)?.1,
                let layer = entry.firstMatch(of: /layer:\s*\.(\w+)/)?.1
            else { return nil }
            let uses = entry.firstMatch(of: /uses:\s*\[([^\]]*)\]/)?.1 ?? ""
            let libraries = entry.firstMatch(of: /libraries:\s*\[([^\]]*)\]/)?.1 ?? ""
            let words = libraries.replacing(/nio\("(\w+)"\)/) { String($0.1) }
                .split(separator: ",").map { $0.trimmingCharacters(in: .whitespacesAndNewlines) }
            return Module(
                name: String(name), layer: String(layer),
                folder: entry.firstMatch(of: /folder:\s*"([^"]+)"/).map { String($0.1) } ?? String(name),
                uses: uses.matches(of: /"([^"]+)"/).map { String($0.1) }, libraries: words.map { aliases[$0] ?? $0 })
        }
    }

    /// `let nioCore = nio("NIOCore")` and `let crypto = … .product(name: "Crypto", …)`: word ↦ product.
    private static func aliases(in manifest: String) -> [String: String] {
        var aliases: [String: String] = [:]
        for line in manifest.components(separatedBy: "\n") {
            guard let word = line.firstMatch(of: #/^let (\w+) = /#)?.1 else { continue }
            let product = line.firstMatch(of: /product\(name: "(\w+)"/)?.1 ?? line.firstMatch(of: /nio\("(\w+)"\)/)?.1
            if let product { aliases[String(word)] = String(product) }
        }
        return aliases
    }
}
