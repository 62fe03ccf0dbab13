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

    @Test func `name the algorithms as handshakes do`() {
        #expect(Set(KEMChoice.allCases.map(\.rawValue)) == Set(NoiseKEM.allCases.map(\.settingName)))
        #expect(Set(CipherChoice.allCases.map(\.rawValue)) == Set(NoiseCipher.allCases.map(\.settingName)))
        #expect(Set(HashChoice.allCases.map(\.rawValue)) == Set(NoiseHash.allCases.map(\.settingName)))
    }

    private func suites(of node: KernelNode) async throws -> [SuitePreferences] {
        var all: [SuitePreferences] = []
        for context in node.kernel.contexts {
            all.append(try await context.eventLoop.submit { context.environment.suites }.get())
        }
        return all
    }

    @Test func `say which suites it takes and begins with, while it runs`() async throws {
        try await withKernels(1) { nodes in
            #expect(try await suites(of: nodes[0]).allSatisfy { $0 == .everything })
            try await nodes[0].set(NodeSettings.suiteKEM.definition, "ml-kem-1024, ml-kem-768")
            try await nodes[0].set(NodeSettings.suiteCipher.definition, "chacha20-poly1305")
            try await nodes[0].set(NodeSettings.suiteHash.definition, "blake2b,sha-256")
            let expected = SuitePreferences(
                kems: [.mlkem1024, .mlkem768], ciphers: [.chaChaPoly], hashes: [.blake2b, .sha256])
            #expect(try await suites(of: nodes[0]).allSatisfy { $0 == expected })
        }
    }

    @Test func `have two nodes meet in a suite that neither begins with`() async throws {
        try await withKernels(2) { nodes in
            let (near, far) = (nodes[0], nodes[1])
            try await near.know(far)
            try await far.know(near)
            try await near.set(NodeSettings.suiteKEM.definition, "ml-kem-1024,ml-kem-768")
            try await far.set(NodeSettings.suiteKEM.definition, "ml-kem-768")
            try await far.set(NodeSettings.suiteCipher.definition, "chacha20-poly1305")
            _ = try await near.connect(to: far.uuid).get()
            try await far.holds(1)
        }
    }

    @Test func `without a suite in common are named on both sides`() async throws {
        try await withKernels(2) { nodes in
            let (near, far) = (nodes[0], nodes[1])
            try await near.know(far)
            try await far.know(near)
            try await near.set(NodeSettings.suiteKEM.definition, "ml-kem-768")
            try await far.set(NodeSettings.suiteKEM.definition, "ml-kem-1024")
            let failure = try #require(await near.connect(to: far.uuid).failure)
            #expect(failure.code == .notAccepted)
            #expect(failure.reason == "no common suite: we offer ml-kem-768, the node takes ml-kem-1024")
            _ = try await far.refused("no common suite: it offers ml-kem-768, we take ml-kem-1024")
            _ = try await near.refused("no common suite")
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
