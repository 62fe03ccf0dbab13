package import GateModel
package import GateSettings
import GateWire

extension KernelConfiguration {
    /// What a machine's settings say of its worker with this index (from 0), with the shared secrets that they name.
    /// The credential is the caller's to load.
    package init(name: String, node: NodeUUID, _ settings: LocalSettings, index: Int) throws {
        self.init(name: name, node: node, peerEndpoints: settings.peers.listen)
        sharesPeerEndpoints = settings.node.workers > 1
        proxyNetworks = settings.peers.proxyFrom
        sharedSecret = try settings.sharedSecretPath.map(SharedSecretFile.load)
        otherSecrets = try SharedSecretFile.load(of: settings.otherSecretPaths)
        versions = .spoken.upTo(UInt8(settings.peers.newestVersion))
        advertisedEndpoints = settings.peers.advertise
        linkEndpoint = settings.kernelLink(index: index)
        linkAdvertisement = settings.kernel.advertise
        databaseEndpoint = settings.database.dialled.first
        // Commands ask there for `/status`, which an exposed port does not serve.
        adminAddress = settings.admin.exposed ? "" : "\(settings.kernelAdmin(index: index))"
    }
}
