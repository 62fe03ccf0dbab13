import Foundation
import Testing

/// A file of `Tests/Vectors`. With GATE_WRITE_VECTORS=1 it is written, otherwise compared.
struct VectorFile {
    let name: String

    static let isWriting = ProcessInfo.processInfo.environment["GATE_WRITE_VECTORS"] == "1"

    private var url: URL {
        URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Vectors/\(name).json")
    }

    /// What is committed.
    func read() throws -> Json { try JSONDecoder().decode(Json.self, from: Data(contentsOf: url)) }

    func write(_ vectors: Json) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        try (encoder.encode(vectors) + Data("\n".utf8)).write(to: url)
    }

    /// Whether the code makes what is committed, entry by entry.
    func check(_ vectors: Json) throws {
        if VectorFile.isWriting { return try write(vectors) }
        let committed = try read()
        guard case .object(let made) = vectors, case .object(let known) = committed else {
            #expect(committed == vectors, "\(name)")
            return
        }
        #expect(made.keys.sorted() == known.keys.sorted(), "\(name)")
        for (key, value) in made {
            #expect(value.items.count == known[key]?.items.count, "\(name), \(key)")
            for (index, item) in value.items.enumerated() where known[key]?.items.indices.contains(index) == true {
                #expect(item == known[key]?.items[index], "\(name), \(key) \(index)")
            }
            if value.items.isEmpty { #expect(value == known[key], "\(name), \(key)") }
        }
    }
}
