"""Scripts that fit data: embeddings, densities, graphs, recommendations, averaged weights."""

# mypy: ignore-errors

import itertools
import math
from collections import OrderedDict

import numpy as np

from tests.scripts_of_users.common import fill, ints, program, rand


@program
def word2vec(torch, nn, F, optim, trace):
    class SG(nn.Module):
        def __init__(self, v, d):
            super().__init__()
            self.u = nn.Embedding(v, d)
            self.v = nn.Embedding(v, d)
            r = 0.5 / d
            nn.init.uniform_(self.u.weight.data, -r, r)
            nn.init.constant_(self.v.weight.data, 0)

        def forward(self, pu, pv, nv):
            eu, ev, en = self.u(pu), self.v(pv), self.v(nv)
            score = -F.logsigmoid(torch.clamp(torch.sum(torch.mul(eu, ev), dim=1), max=10, min=-10))
            neg = torch.clamp(torch.bmm(en, eu.unsqueeze(2)).squeeze(), max=10, min=-10)
            return torch.mean(score - torch.sum(F.logsigmoid(-neg), dim=1))

    m = fill(torch, SG(15, 6))
    opt = optim.Adagrad(m.parameters(), lr=0.1)

    @trace
    def step(a, b, c):
        opt.zero_grad()
        l = m(a, b, c)
        l.backward()
        opt.step()
        return l

    return [
        step(ints(torch, 15, 7, seed=i), ints(torch, 15, 7, seed=i + 9), ints(torch, 15, 7, 4, seed=i + 20)).item()
        for i in range(4)
    ]


@program
def siamese(torch, nn, F, optim, trace):
    net = fill(
        torch,
        nn.Sequential(
            OrderedDict(
                [("fc1", nn.Linear(6, 12)), ("act", nn.PReLU()), ("bn", nn.BatchNorm1d(12)), ("fc2", nn.Linear(12, 4))]
            )
        ),
    )
    opt = optim.SGD(net.parameters(), lr=0.1, momentum=0.9, nesterov=True)
    crit = nn.TripletMarginLoss(margin=1.0, p=2)

    def contrastive(o1, o2, label, margin=2.0):
        d = F.pairwise_distance(o1, o2, keepdim=True)
        return torch.mean((1 - label) * torch.pow(d, 2) + label * torch.pow(torch.clamp(margin - d, min=0.0), 2))

    @trace
    def step(a, p, n):
        opt.zero_grad()
        ea, ep, en = net(a), net(p), net(n)
        loss = (
            crit(ea, ep, en)
            + contrastive(ea, ep, torch.zeros(len(a), 1))
            + F.cosine_embedding_loss(ea, en, -torch.ones(a.size(0)))
        )
        loss.backward()
        opt.step()
        return loss

    return [step(*(rand(torch, 5, 6, seed=i) for i in range(3))).item() for _ in range(4)]


@program
def mdn(torch, nn, F, optim, trace):
    class MDN(nn.Module):
        def __init__(self, h=8, k=3):
            super().__init__()
            self.z_h = nn.Sequential(nn.Linear(1, h), nn.Tanh())
            self.z_pi, self.z_sigma, self.z_mu = nn.Linear(h, k), nn.Linear(h, k), nn.Linear(h, k)

        def forward(self, x):
            h = self.z_h(x)
            return F.softmax(self.z_pi(h), -1), torch.exp(self.z_sigma(h)), self.z_mu(h)

    net = fill(torch, MDN())
    opt = optim.Adam(net.parameters(), weight_decay=1e-4)
    c = 1.0 / np.sqrt(2.0 * np.pi)

    def loss_fn(pi, s, mu, y):
        lp = torch.log(pi) - 0.5 * ((y.expand_as(mu) - mu) * torch.reciprocal(s)) ** 2 - s.log() + math.log(c)
        return -torch.logsumexp(lp, dim=1).mean()

    @trace
    def step(x, y):
        pi, s, mu = net(x)
        loss = loss_fn(pi, s, mu, y)
        opt.zero_grad()
        loss.backward()
        opt.step()
        return loss

    x = rand(torch, 12, 1)
    return [step(x, torch.sin(x)).item() for _ in range(4)]


@program
def gat_and_segments(torch, nn, F, optim, trace):
    W = nn.Parameter(rand(torch, 5, 4))
    a = nn.Parameter(rand(torch, 8, 1, seed=3))
    opt = optim.Adamax([W, a], lr=0.02)
    x, e = rand(torch, 9, 5), ints(torch, 9, 2, 25)

    @trace
    def step(x, e):
        h = x @ W
        src, dst = e[0], e[1]
        s = F.leaky_relu(torch.cat([h[src], h[dst]], dim=-1) @ a, 0.2).squeeze(-1)
        mx = torch.full((9,), -1e9).scatter_reduce(0, dst, s, reduce="amax", include_self=True)
        ex = (s - mx[dst]).exp()
        den = torch.zeros(9).index_add(0, dst, ex) + 1e-16
        alpha = (ex / den[dst]).unsqueeze(-1)
        out = torch.zeros(9, 4).scatter_add(0, dst.unsqueeze(-1).expand(-1, 4), alpha * h[src])
        loss = F.elu(out).square().mean()
        opt.zero_grad()
        loss.backward()
        opt.step()
        return loss

    return [step(x, e).item() for _ in range(3)]


@program
def recsys_fm(torch, nn, F, optim, trace):
    class DeepFM(nn.Module):
        def __init__(self, dims, k=4):
            super().__init__()
            self.offsets = np.array((0, *np.cumsum(dims)[:-1]), dtype=np.int64)
            self.emb = nn.Embedding(sum(dims), k)
            self.lin = nn.Embedding(sum(dims), 1)
            self.bias = nn.Parameter(torch.zeros((1,)))
            nn.init.xavier_uniform_(self.emb.weight.data)
            self.mlp = nn.Sequential(
                *itertools.chain(*[[nn.Linear(k * len(dims), 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(p=0.0)]]),
                nn.Linear(8, 1),
            )

        def forward(self, x):
            x = x + x.new_tensor(self.offsets).unsqueeze(0)
            e = self.emb(x)
            fm = 0.5 * (torch.sum(e, dim=1) ** 2 - torch.sum(e**2, dim=1)).sum(dim=1, keepdim=True)
            return torch.sigmoid(
                (self.lin(x).sum(dim=1) + self.bias + fm + self.mlp(e.view(-1, e.size(1) * e.size(2)))).squeeze(1)
            )

    m = fill(torch, DeepFM([4, 5, 6]))
    opt = optim.Adam(params=m.parameters(), lr=1e-2, weight_decay=1e-6)
    x = torch.stack([ints(torch, n, 8, seed=n) for n in (4, 5, 6)], dim=1)
    y = ints(torch, 2, 8).float()

    @trace
    def step(x, y):
        p = m(x)
        loss = nn.BCELoss()(p, y.float())
        m.zero_grad()
        loss.backward()
        opt.step()
        return loss

    return [step(x, y).item() for _ in range(3)]


@program
def accumulation_clip_swa(torch, nn, F, optim, trace):
    from_swa = torch.optim.swa_utils
    m = fill(torch, nn.Sequential(nn.Linear(5, 8), nn.BatchNorm1d(8), nn.SiLU(), nn.Linear(8, 1)))
    opt = optim.SGD(m.parameters(), lr=0.05, momentum=0.9)
    swa = from_swa.AveragedModel(m)
    sched = from_swa.SWALR(opt, swa_lr=0.02, anneal_epochs=2)
    ema = from_swa.AveragedModel(m, multi_avg_fn=from_swa.get_ema_multi_avg_fn(0.9))
    data = torch.utils.data.TensorDataset(rand(torch, 12, 5), rand(torch, 12, 1, seed=4))
    loader = torch.utils.data.DataLoader(data, batch_size=4)

    @trace
    def micro(x, y):
        loss = nn.HuberLoss(delta=0.5)(m(x), y) / 3
        loss.backward()
        return loss

    log = []
    for epoch in range(4):
        opt.zero_grad()
        for i, (x, y) in enumerate(loader):
            log.append(micro(x, y).item())
        log.append(float(torch.nn.utils.clip_grad_norm_(m.parameters(), max_norm=0.5, norm_type=2)))
        opt.step()
        if epoch >= 1:
            swa.update_parameters(m)
            sched.step()
            log.append(sched.get_last_lr()[0])
        ema.update_parameters(m)
    from_swa.update_bn(loader, swa)
    swa.eval()
    ema.eval()
    return log + [swa(data[:][0]).sum().item(), ema(data[:][0]).sum().item()]


@program
def gcn(torch, nn, F, optim, trace):
    class GCNConv(nn.Module):
        def __init__(self, i, o):
            super().__init__()
            self.weight = nn.Parameter(torch.FloatTensor(i, o))
            self.bias = nn.Parameter(torch.Tensor(o))
            self.reset_parameters()

        def reset_parameters(self):
            stdv = 1.0 / math.sqrt(self.weight.size(1))
            self.weight.data.uniform_(-stdv, stdv)
            self.bias.data.uniform_(-stdv, stdv)

        def forward(self, x, edge_index):
            row, col = edge_index
            n = x.size(0)
            deg = torch.zeros(n, device=x.device).scatter_add_(0, row, torch.ones(row.size(0)))
            dis = deg.pow(-0.5)
            dis[dis == float("inf")] = 0
            norm = dis[row] * dis[col]
            h = torch.mm(x, self.weight)
            out = torch.zeros_like(h)
            out.index_add_(0, col, norm.view(-1, 1) * h[row])
            return out + self.bias

        def __repr__(self):
            return self.__class__.__name__ + " (" + str(self.weight.shape[0]) + ")"

    class GCN(nn.Module):
        def __init__(self):
            super().__init__()
            self.gc1, self.gc2 = GCNConv(5, 8), GCNConv(8, 3)

        def forward(self, x, e):
            x = F.relu(self.gc1(x, e))
            x = F.dropout(x, 0.5, training=False)
            return F.log_softmax(self.gc2(x, e), dim=1)

    m = fill(torch, GCN())
    opt = optim.Adam(m.parameters(), lr=0.01, weight_decay=5e-4)
    mask = torch.arange(10) < 6
    idx = torch.nonzero(mask).squeeze()
    x, e, y = rand(torch, 10, 5), ints(torch, 10, 2, 30), ints(torch, 3, 10)

    @trace
    def step(x, e, y):
        m.train()
        opt.zero_grad()
        out = m(x, e)
        loss = F.nll_loss(out[idx], y[idx])
        loss.backward()
        opt.step()
        return loss

    log = [step(x, e, y).item() for _ in range(4)]
    m.eval()
    pred = m(x, e).max(1)[1].type_as(y)
    return log + [pred.eq(y).double().sum().item(), len(repr(m))]
