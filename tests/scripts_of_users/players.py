"""Scripts that learn to act and to make: DQN, PPO and adversarial networks."""

# mypy: ignore-errors

import random
from collections import deque, namedtuple

import numpy as np

from tests.scripts_of_users.common import fill, ints, program, rand


@program
def dqn(torch, nn, F, optim, trace):
    Transition = namedtuple("Transition", ("state", "action", "next_state", "reward"))

    class DQN(nn.Module):
        def __init__(self, o, a):
            super().__init__()
            self.layer1 = nn.Linear(o, 16)
            self.layer2 = nn.Linear(16, a)

        def forward(self, x):
            return self.layer2(F.relu(self.layer1(x)))

    pol, tgt = fill(torch, DQN(4, 2)), DQN(4, 2)
    tgt.load_state_dict(pol.state_dict())
    opt = optim.AdamW(pol.parameters(), lr=1e-2, amsgrad=True)
    memory = deque(maxlen=50)
    rng = random.Random(0)
    for i in range(30):
        s = rand(torch, 1, 4, seed=i)
        with torch.no_grad():
            a = pol(s).max(1).indices.view(1, 1)
        memory.append(Transition(s, a, rand(torch, 1, 4, seed=i + 1) if i % 7 else None, torch.tensor([float(i % 3)])))

    def optimize(state_batch, action_batch, reward_batch, mask, nf):
        q = pol(state_batch).gather(1, action_batch)
        nsv = torch.zeros(8)
        with torch.no_grad():
            nsv[mask] = tgt(nf).max(1).values
        expected = (nsv * 0.99) + reward_batch
        loss = nn.SmoothL1Loss()(q, expected.unsqueeze(1))
        opt.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_value_(pol.parameters(), 100)
        opt.step()
        return loss

    optimize = trace(optimize)
    log = []
    for _ in range(4):
        batch = Transition(*zip(*rng.sample(list(memory), 8)))
        mask = torch.tensor(tuple(map(lambda s: s is not None, batch.next_state)), dtype=torch.bool)
        nf = torch.cat([s for s in batch.next_state if s is not None])
        log.append(optimize(torch.cat(batch.state), torch.cat(batch.action), torch.cat(batch.reward), mask, nf).item())
        td, pd = tgt.state_dict(), pol.state_dict()
        for key in pd:
            td[key] = pd[key] * 0.05 + td[key] * 0.95
        tgt.load_state_dict(td)
        for tp, p in zip(tgt.parameters(), pol.parameters()):
            tp.data.copy_(0.05 * p.data + 0.95 * tp.data)
    return log


@program
def gan_old_style(torch, nn, F, optim, trace):
    Variable = torch.autograd.Variable
    cuda = True if torch.cuda.is_available() else False
    Tensor = torch.cuda.FloatTensor if cuda else torch.FloatTensor

    def weights_init_normal(m):
        classname = m.__class__.__name__
        if classname.find("Conv") != -1:
            torch.nn.init.normal_(m.weight.data, 0.0, 0.02)
        elif classname.find("BatchNorm2d") != -1:
            torch.nn.init.normal_(m.weight.data, 1.0, 0.02)
            torch.nn.init.constant_(m.bias.data, 0.0)

    class Generator(nn.Module):
        def __init__(self):
            super().__init__()
            self.l1 = nn.Sequential(nn.Linear(5, 4 * 2**2, bias=False))
            self.conv_blocks = nn.Sequential(
                nn.BatchNorm2d(4),
                nn.Upsample(scale_factor=2),
                nn.Conv2d(4, 4, 3, stride=1, padding=1, bias=False),
                nn.BatchNorm2d(4, 0.8),
                nn.LeakyReLU(0.2, inplace=True),
                nn.Upsample(scale_factor=2),
                nn.Conv2d(4, 1, 3, stride=1, padding=1),
                nn.Tanh(),
            )

        def forward(self, z):
            out = self.l1(z)
            out = out.view(out.shape[0], 4, 2, 2)
            return self.conv_blocks(out)

    class Discriminator(nn.Module):
        def __init__(self):
            super().__init__()

            def block(i, o, bn=True):
                b = [nn.Conv2d(i, o, 3, 2, 1, bias=not bn), nn.LeakyReLU(0.2, inplace=True), nn.Dropout2d(0.0)]
                if bn:
                    b.append(nn.BatchNorm2d(o, 0.8))
                return b

            self.model = nn.Sequential(*block(1, 4, bn=False), *block(4, 8))
            self.adv_layer = nn.Sequential(nn.Linear(8 * 2**2, 1), nn.Sigmoid())

        def forward(self, img):
            out = self.model(img)
            return self.adv_layer(out.view(out.shape[0], -1))

    loss_f = torch.nn.BCELoss()
    G, D = Generator(), Discriminator()
    G.apply(weights_init_normal)
    D.apply(weights_init_normal)
    fill(torch, G)
    fill(torch, D, 4)
    oG = torch.optim.Adam(G.parameters(), lr=2e-4, betas=(0.5, 0.999))
    oD = torch.optim.Adam(D.parameters(), lr=2e-4, betas=(0.5, 0.999))

    @trace
    def both(imgs, z):
        valid = Variable(Tensor(imgs.shape[0], 1).fill_(1.0), requires_grad=False)
        fake = Variable(Tensor(imgs.size(0), 1).fill_(0.0), requires_grad=False)
        real = Variable(imgs.type(Tensor))
        oG.zero_grad()
        gen = G(z)
        g = loss_f(D(gen), valid)
        g.backward()
        oG.step()
        oD.zero_grad()
        d = (loss_f(D(real), valid) + loss_f(D(gen.detach()), fake)) / 2
        d.backward()
        oD.step()
        return g, d

    log = []
    for i in range(3):
        z = Variable(Tensor(np.random.default_rng(i).normal(0, 1, (4, 5))))
        g, d = both(rand(torch, 4, 1, 8, 8, seed=i), z)
        log += [g.item(), d.item()]
    return log


@program
def ppo(torch, nn, F, optim, trace):
    def layer_init(l, std=np.sqrt(2), b=0.0):
        torch.nn.init.orthogonal_(l.weight, std)
        torch.nn.init.constant_(l.bias, b)
        return l

    class Agent(nn.Module):
        def __init__(self):
            super().__init__()
            self.critic = nn.Sequential(layer_init(nn.Linear(4, 8)), nn.Tanh(), layer_init(nn.Linear(8, 1), std=1.0))
            self.actor = nn.Sequential(layer_init(nn.Linear(4, 8)), nn.Tanh(), layer_init(nn.Linear(8, 3), std=0.01))

    ag = fill(torch, Agent())
    opt = optim.Adam(ag.parameters(), lr=2.5e-3, eps=1e-5)
    T, N = 6, 2
    obs, act, rew, dones = (
        rand(torch, T, N, 4),
        ints(torch, 3, T, N),
        rand(torch, T, N, seed=7),
        (rand(torch, T, N, seed=8) > 1).float(),
    )
    with torch.no_grad():
        values = ag.critic(obs).squeeze(-1)
        logp = F.log_softmax(ag.actor(obs), -1).gather(-1, act.unsqueeze(-1)).squeeze(-1)
        next_value = ag.critic(obs[-1]).reshape(1, -1)
        adv = torch.zeros_like(rew)
        last = 0
        for t in reversed(range(T)):
            if t == T - 1:
                nnt, nv = 1.0 - dones[t], next_value
            else:
                nnt, nv = 1.0 - dones[t + 1], values[t + 1]
            delta = rew[t] + 0.99 * nv * nnt - values[t]
            adv[t] = last = delta + 0.99 * 0.95 * nnt * last
        ret = adv + values
    b = [v.reshape((-1,) + tuple(v.shape[2:])) for v in (obs, act, logp, adv, ret, values)]

    @trace
    def update(o, a, lp, ad, rt, vl):
        logits = ag.actor(o)
        logits = logits - logits.logsumexp(-1, keepdim=True)
        p = logits.exp()
        new = logits.gather(1, a.long().view(-1, 1)).squeeze(1)
        ent = -(p * logits).sum(-1)
        lr = new - lp
        ratio = lr.exp()
        with torch.no_grad():
            kl = ((ratio - 1) - lr).mean()
            clipfrac = ((ratio - 1.0).abs() > 0.2).float().mean()
        ad = (ad - ad.mean()) / (ad.std() + 1e-8)
        pg = torch.max(-ad * ratio, -ad * torch.clamp(ratio, 1 - 0.2, 1 + 0.2)).mean()
        nvv = ag.critic(o).view(-1)
        vc = vl + torch.clamp(nvv - vl, -0.2, 0.2)
        v = 0.5 * torch.max((nvv - rt) ** 2, (vc - rt) ** 2).mean()
        loss = pg - 0.01 * ent.mean() + v * 0.5
        opt.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(ag.parameters(), 0.5)
        opt.step()
        return loss, kl, clipfrac

    log = []
    for i in range(3):
        mb = torch.from_numpy(np.random.default_rng(i).permutation(12)[:6])
        log += [v.item() for v in update(*(t[mb] for t in b))]
    return log


@program
def wgan_gp(torch, nn, F, optim, trace):
    G = fill(
        torch,
        nn.Sequential(
            nn.Linear(3, 8, bias=False),
            nn.BatchNorm1d(8, 0.8),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Linear(8, 4),
            nn.Tanh(),
        ),
    )
    D = fill(torch, nn.Sequential(nn.Linear(4, 8), nn.LeakyReLU(0.2), nn.Linear(8, 1, bias=False)), 4)
    og, od = (
        optim.Adam(G.parameters(), lr=2e-3, betas=(0.5, 0.999)),
        optim.Adam(D.parameters(), lr=2e-3, betas=(0.5, 0.999)),
    )

    def gradient_penalty(real, fake, alpha):
        inter = (alpha * real + ((1 - alpha) * fake)).requires_grad_(True)
        d = D(inter)
        g = torch.autograd.grad(
            outputs=d,
            inputs=inter,
            grad_outputs=torch.ones_like(d),
            create_graph=True,
            retain_graph=True,
            only_inputs=True,
        )[0]
        g = g.view(g.size(0), -1)
        return ((g.norm(2, dim=1) - 1) ** 2).mean()

    @trace
    def dstep(real, z, alpha):
        od.zero_grad()
        fake = G(z)
        gp = gradient_penalty(real.data, fake.data, alpha)
        loss = -torch.mean(D(real)) + torch.mean(D(fake)) + 10 * gp
        loss.backward()
        od.step()
        return loss

    @trace
    def gstep(z):
        og.zero_grad()
        loss = -torch.mean(D(G(z)))
        loss.backward()
        og.step()
        return loss

    log = []
    for i in range(4):
        log += [
            dstep(rand(torch, 5, 4, seed=i), rand(torch, 5, 3, seed=i + 9), rand(torch, 5, 1, seed=i).sigmoid()).item()
        ]
        if i % 2 == 0:
            log.append(gstep(rand(torch, 5, 3, seed=i + 30)).item())
    return log
