import type { ICredentialType, INodeProperties } from 'n8n-workflow'

const withKey = { show: { authenticateWith: ['privateKey'] } }
const withPassword = { show: { authenticateWith: ['password'] } }

/** Tested by the nodes that use it: n8n's own test speaks HTTP only. */
export class SshHostApi implements ICredentialType {
  name = 'sshHostApi'
  displayName = 'SSH Host API'
  icon = { light: 'file:../icons/sshHost.svg', dark: 'file:../icons/sshHost.dark.svg' } as const
  documentationUrl = 'https://github.com/homelab-desk/homelab/tree/main/n8n-nodes#ssh-host'

  properties: INodeProperties[] = [
    {
      displayName: 'Host',
      name: 'host',
      type: 'string',
      default: '',
      required: true,
      placeholder: 'e.g. 192.168.1.10',
      description: 'Address or name of the machine where the data is: a Proxmox node, or any Linux host',
    },
    {
      displayName: 'Port',
      name: 'port',
      type: 'number',
      default: 22,
      typeOptions: { minValue: 1, maxValue: 65535 },
    },
    {
      displayName: 'User',
      name: 'user',
      type: 'string',
      default: 'root',
      required: true,
      description: 'Must be root for commands inside containers',
    },
    {
      displayName: 'Authenticate With',
      name: 'authenticateWith',
      type: 'options',
      options: [
        { name: 'Password', value: 'password' },
        { name: 'Private Key', value: 'privateKey' },
      ],
      default: 'privateKey',
    },
    {
      displayName: 'Private Key',
      name: 'privateKey',
      type: 'string',
      typeOptions: { password: true, rows: 4 },
      default: '',
      required: true,
      displayOptions: withKey,
      description: 'In OpenSSH or PEM form, whole, with its first and last line',
    },
    {
      displayName: 'Passphrase',
      name: 'passphrase',
      type: 'string',
      typeOptions: { password: true },
      default: '',
      displayOptions: withKey,
      description: 'Of the private key, if it has one',
    },
    {
      displayName: 'Password',
      name: 'password',
      type: 'string',
      typeOptions: { password: true },
      default: '',
      required: true,
      displayOptions: withPassword,
      description: 'A host that poses as yours would learn it: a key gives nothing away',
    },
    {
      displayName: 'Host Key',
      name: 'hostKey',
      type: 'string',
      default: '',
      placeholder: 'e.g. SHA256:…',
      description:
        'What <code>ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub</code> prints on the host. It is checked after the log-in and before any command. Without it any host is taken for yours: n8n checks none.',
    },
    {
      displayName: 'Container',
      name: 'container',
      type: 'string',
      default: '',
      placeholder: 'e.g. 102',
      description:
        'VMID of a container on that Proxmox node: commands run inside it by pct. Empty: on the host itself.',
    },
    {
      displayName: 'Node Name',
      name: 'node',
      type: 'string',
      default: '',
      placeholder: 'e.g. pve',
      description:
        'Stands in the snapshots as the host they are of. Keep it the same for ever; as in homelab.yaml when that has backups of it, too. Empty: its address.',
    },
    {
      displayName: 'Commands in Guests',
      name: 'exec',
      type: 'string',
      default: '',
      placeholder: 'e.g. plex, 112',
      description:
        'Containers in which Proxmox VE: Run Command may run anything as root, by name or VMID, or @all. Empty: in none.',
    },
    {
      displayName: 'Job Folder',
      name: 'jobs',
      type: 'string',
      default: '',
      placeholder: 'e.g. /var/lib/homelab',
      description:
        "Where backup jobs keep their state on the machine. Empty: /var/lib/homelab, which is root's.",
    },
  ]
}
