import Foundation
import GateCrypto
import NIOCore
import Testing

/// Every published vector, in both roles, against the engine.
@Suite struct NoiseVectors {
    @Test(.enabled(if: VectorFolder.isUsable, "set GATE_VECTORS to the folder that holds noise/*.json"))
    func `every vector of every file replays as initiator`() throws {
        try replayAll(as: .initiator)
    }

    @Test(.enabled(if: VectorFolder.isUsable, "set GATE_VECTORS to the folder that holds noise/*.json"))
    func `every vector of every file replays as responder`() throws {
        try replayAll(as: .responder)
    }

    private func replayAll(as role: NoiseRole) throws {
        let files = try VectorFolder.files()
        #expect(!files.isEmpty, "the noise folder holds vectors")
        for file in files {
            let vectors = try JSONDecoder().decode(NoiseVectorFile.self, from: Data(contentsOf: file)).vectors
            #expect(!vectors.isEmpty)
            for vector in vectors { try vector.replay(as: role) }
        }
    }
}

/// Where the published vectors lie: `GATE_VECTORS`, by default `../shared/vectors` beside the checkout.
enum VectorFolder {
    private static let named = ProcessInfo.processInfo.environment["GATE_VECTORS"]

    static var noise: URL {
        let checkout = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let folder = named.map { URL(filePath: $0) } ?? checkout.appending(path: "../shared/vectors")
        return folder.appending(path: "noise").standardizedFileURL
    }

    /// With `CI=true` a folder that is named but missing must fail, not be skipped.
    static var isUsable: Bool {
        let isDemanded = ProcessInfo.processInfo.environment["CI"] == "true" && named != nil
        return isDemanded || FileManager.default.fileExists(atPath: noise.path)
    }

    static func files() throws -> [URL] {
        try FileManager.default.contentsOfDirectory(at: noise, includingPropertiesForKeys: nil)
            .filter { $0.pathExtension == "json" }
            .sorted { $0.path < $1.path }
    }
}
