import GateModel
import Testing

@Suite struct FilesOfSecrets {
    @Test(arguments: [0o100600, 0o600, 0o400, 0o000, 0o700])
    func `are for their owner alone`(mode: UInt32) {
        #expect(FilePrivacy.isPrivate(mode: mode, owner: 1, user: 1))
        #expect(FilePrivacy.isPrivate(mode: mode, owner: 0, user: 1))
    }

    @Test(arguments: [0o640, 0o440, 0o604, 0o620, 0o610, 0o601, 0o666])
    func `of our own are for nobody else`(mode: UInt32) {
        #expect(!FilePrivacy.isPrivate(mode: mode, owner: 1, user: 1))
    }

    @Test func `that an orchestrator mounted may be read by our group, and by nobody else`() {
        #expect(FilePrivacy.isPrivate(mode: 0o440, owner: 0, user: 65_532))
        for mode: UInt32 in [0o444, 0o460, 0o450, 0o441] {
            #expect(!FilePrivacy.isPrivate(mode: mode, owner: 0, user: 65_532))
        }
    }
}
