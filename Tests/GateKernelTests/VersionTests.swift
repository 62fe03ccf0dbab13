import GateCrypto
import GateModel
import GateSession
import GateSettings
import GateTransport
import GateWire
import NIOCore
import Testing

@testable import GateKernel

@Suite(.timeLimit(.minutes(1))) struct VersionsOfTheProtocol {
    @Test func `workers of two adjacent versions serve side by side, and sessions move between them`() async throws {
        try await withKernels(2, resumes: true) { nodes in
            let (home, far) = (nodes[0], nodes[1])
            let id = try await home.session(with: far)
            #expect(try await far.session(id, epoch: 0).way.version == 2)
            let place = try far.endpoint
            await far.stop()

            let older = try await far.colleague("kernel-2", at: place, versions: PeerVersions(only: 1))
            #expect(try await older.session(id, epoch: 1).way.version == 1)
            #expect(try await home.session(id, epoch: 1).way.version == 1)
            try await older.written(id, 1)
            await older.stop()

            let newer = try await far.colleague("kernel-3", at: place)
            #expect(try await newer.session(id, epoch: 2).way.version == 2)
            #expect(try await home.session(id, epoch: 2).way.version == 2)
            await newer.stop()
        }
    }

    @Test func `a fresh certificate reaches both ends of a session and prolongs it`() async throws {
        try await withKernels(2, resumes: true) { nodes in
            let (home, far) = (nodes[0], nodes[1])
            let id = try await home.session(with: far)
            for (number, worker, other) in [(1, home, far), (2, far, home)] as [(UInt8, KernelNode, KernelNode)] {
                let session = try await other.session(id, epoch: 0)
                let first = try #require(session.certifiedUntil)
                let key = worker.kernel.identity.staticKey
                let certificate = WorkerCertificate.issue(
                    by: try IdentityKey(seed: GuardedSecret([UInt8](repeating: number, count: 32))),
                    staticKey: key.publicKey, worker: 1, now: SystemClock.wall() + 120, lifetimeSeconds: 86_400)
                worker.kernel.host.tell(
                    WorkerCredentials(node: worker.uuid, staticKey: key, certificate: certificate.encoded),
                    within: 0...1)
                while session.certifiedUntil == first { try await Task.sleep(for: .milliseconds(5)) }
                #expect(try #require(session.certifiedUntil).seconds > first.seconds)
            }
        }
    }

    @Test func `a fresh certificate reaches sessions whose handshake still showed the one before`() async throws {
        try await withKernels(2, resumes: true) { nodes in
            let (home, far) = (nodes[0], nodes[1])
            let key = far.kernel.identity.staticKey
            let certificate = WorkerCertificate.issue(
                by: try IdentityKey(seed: GuardedSecret([UInt8](repeating: 2, count: 32))),
                staticKey: key.publicKey, worker: 1, now: SystemClock.wall() + 120, lifetimeSeconds: 86_400)
            // Told to all that stand, which are none; handshakes do not show it yet.
            far.kernel.host.tell(
                WorkerCredentials(node: far.uuid, staticKey: key, certificate: certificate.encoded), within: 0...1)
            let id = try await home.session(with: far)
            var epoch: SessionEpoch = 0
            while true {
                let session = try await home.session(id, epoch: epoch)
                while session.certifiedUntil != certificate.notAfter { try await Task.sleep(for: .milliseconds(5)) }
                // So it is with one that goes on.
                guard epoch == 0 else { break }
                epoch = 1
                let there = try await far.session(id, epoch: 0)
                there.eventLoop.execute { there.close(.goingAway) }
            }
        }
    }

    @Test func `the setting has the versions that the code speaks`() {
        let spoken = PeerVersions.spoken
        #expect(PeerListenSettings.versionsRange == Int(spoken.lowest)...Int(spoken.highest))
        #expect(LocalSettings(directory: "/").peers.newestVersion == Int(spoken.highest))
    }
}
