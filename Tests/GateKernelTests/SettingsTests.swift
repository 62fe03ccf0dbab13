import GateCrypto
import GateLink
import GateModel
import GateRelay
import GateSession
import GateStore
import GateTestKit
import NIOCore
import Testing

@testable import GateKernel

@Suite(.timeLimit(.minutes(1))) struct SettingsOfAWorker {
    private func values(_ texts: [String: String]) -> NodeSettingValues {
        NodeSettingValues(
            rows: texts.map {
                SettingRow(
                    key: $0.key, value: $0.value, version: 1, changedAt: UnixTime(seconds: 0), changedBy: "test")
            })
    }

    @Test(arguments: [
        ("ml-kem-768", "aes-256-gcm", NoiseKEM.mlkem768, NoiseCipher.aesGCM),
        ("ml-kem-1024", "aes-256-gcm", .mlkem1024, .aesGCM),
        ("ml-kem-768", "chacha20-poly1305", .mlkem768, .chaChaPoly),
        ("ml-kem-1024", "chacha20-poly1305", .mlkem1024, .chaChaPoly),
    ])
    func `choose the suite that it dials with; it accepts every one`(
        kem: String, cipher: String, expectedKEM: NoiseKEM, expectedCipher: NoiseCipher
    ) async throws {
        try await withKernels(2) { nodes in
            let (near, far) = (nodes[0], nodes[1])
            try await near.know(far)
            try await far.know(near)
            try await near.set(NodeSettings.suiteKEM.definition, kem)
            try await near.set(NodeSettings.suiteCipher.definition, cipher)
            for context in near.kernel.contexts {
                let suites = try await context.eventLoop.submit { context.environment.suites }.get()
                #expect(suites.first == NoiseSuite(kem: expectedKEM, cipher: expectedCipher, hash: .sha256))
                #expect(Set(suites).count == 12)
            }
            _ = try await near.connect(to: far.uuid).get()
            try await far.holds(1)
        }
    }

    @Test func `say how many relays the usual route has`() async throws {
        try await withKernels(2) { nodes in
            let (near, far) = (nodes[0], nodes[1])
            try await near.know(far)
            try await far.know(near)
            let record = try await far.store.issueRecord(endpoints: [try far.endpoint], isRelay: false)
            _ = try await near.store.editPeer(far.uuid, PeerEdit(record: record))
            let relayed = try #require(await near.connect(to: far.uuid, route: .usual).failure)
            #expect(relayed.code == .noRoute)
            try await near.set(NodeSettings.relayHops, 0)
            let session = try await near.connect(to: far.uuid, route: .usual).get()
            #expect(near.kernel.kernel.session(session)?.isRelayed == false)
        }
    }

    @Test func `say when keys are replaced, the least before the most`() async throws {
        try await withKernels(1) { nodes in
            try await nodes[0].set(NodeSettings.keyLifetimeMinimum.definition, "30m")
            try await nodes[0].set(NodeSettings.keyVolume, 1 << 21)
            try await nodes[0].set(NodeSettings.keyUpdateTimeout.definition, "20s")
            for context in nodes[0].kernel.contexts {
                let settings = try await context.eventLoop.submit { context.environment.settings }.get()
                #expect(settings.keyLifetime == 1_800_000...1_800_000)
                #expect(settings.keyVolume == 1 << 21)
                #expect(settings.keyUpdateTime == .seconds(20))
            }
        }
    }

    @Test func `bound its circuits`() async throws {
        try await withKernels(1) { nodes in
            try await nodes[0].set(NodeSettings.relayDialsPerCircuit, 9)
            try await nodes[0].set(NodeSettings.circuitTimeout.definition, "7s")
            let limits = nodes[0].kernel.circuits.limits
            #expect(limits.extendsPerCircuit == 9)
            #expect(limits.buildTime == .seconds(7))
        }
    }
}
