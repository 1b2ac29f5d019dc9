! One crystal: F = F_e F_p, S = C : E_e, backward Euler in slip and state.
! Symmetric tensors are Mandel vectors in the order 11, 22, 33, 23, 13, 12, crystal axes.
! Matrices of Newton's method are stored by rows: the first index is the column.

module umat_crystal
  use umat_law
  implicit none
  real(8), parameter :: half_root = sqrt(0.5d0)
  real(8), parameter :: infinite = huge(1.0d0)
  real(8), parameter :: inactive = 1.0d-7   ! share of the largest slip below which systems are
  real(8), parameter :: exact = 1.0d-14     ! left out of Newton's matrix, and of tangents
  integer, parameter :: newton_iterations = 60, max_attempts = 4096, max_halvings = 10
  integer, parameter :: max_sweeps = 100
  integer, parameter :: direct = 0, sweeps_first = 1, continuation = 2, half_sweeps = 3
  integer, parameter :: quarter_sweeps = 4

  type :: crystal_work
    real(8) :: trial(3, 3), elastic(3, 3), plastic_inverse(3, 3), pull(3, 3), interim(3, 3)
    real(8) :: way(3, 3), relaxed(3, 3)
    real(8) :: slip(ns), softening(ns), tau(ns), tau_step(ns), slip_step(ns)
    real(8) :: drive(ns), drive_new(ns), drive_limit(ns), constant(ns)
    real(8) :: rest(nz), z_step(nz), z_old(nz), z_kept(nz)
    real(8) :: system(ns + 8, ns), slip_tangent(8, ns)
    real(8) :: residual(6), step(6), stress_old(6), stress_kept(6)
    real(8) :: jacobian(8, 6), gradient(9, 6), push(6, 9)
    integer :: active(ns)
    type(law_work) :: law
  end type crystal_work

contains

  pure real(8) function determinant(m)
    real(8), intent(in) :: m(3, 3)
    determinant = m(1, 1)*(m(2, 2)*m(3, 3) - m(2, 3)*m(3, 2)) &
                  - m(1, 2)*(m(2, 1)*m(3, 3) - m(2, 3)*m(3, 1)) &
                  + m(1, 3)*(m(2, 1)*m(3, 2) - m(2, 2)*m(3, 1))
  end function determinant

  pure function inverse(m) result(out)
    real(8), intent(in) :: m(3, 3)
    real(8) :: out(3, 3)
    out(1, 1) = m(2, 2)*m(3, 3) - m(2, 3)*m(3, 2)
    out(2, 1) = m(2, 3)*m(3, 1) - m(2, 1)*m(3, 3)
    out(3, 1) = m(2, 1)*m(3, 2) - m(2, 2)*m(3, 1)
    out(1, 2) = m(1, 3)*m(3, 2) - m(1, 2)*m(3, 3)
    out(2, 2) = m(1, 1)*m(3, 3) - m(1, 3)*m(3, 1)
    out(3, 2) = m(1, 2)*m(3, 1) - m(1, 1)*m(3, 2)
    out(1, 3) = m(1, 2)*m(2, 3) - m(1, 3)*m(2, 2)
    out(2, 3) = m(1, 3)*m(2, 1) - m(1, 1)*m(2, 3)
    out(3, 3) = m(1, 1)*m(2, 2) - m(1, 2)*m(2, 1)
    out = out/(m(1, 1)*out(1, 1) + m(1, 2)*out(2, 1) + m(1, 3)*out(3, 1))
  end function inverse

  pure function product3(a, b) result(out)
    real(8), intent(in) :: a(3, 3), b(3, 3)
    real(8) :: out(3, 3)
    integer :: j
    do j = 1, 3
      out(:, j) = a(:, 1)*b(1, j) + a(:, 2)*b(2, j) + a(:, 3)*b(3, j)
    end do
  end function product3

  pure function mandel(m) result(v)  ! of the symmetric part
    real(8), intent(in) :: m(3, 3)
    real(8) :: v(6)
    v = [m(1, 1), m(2, 2), m(3, 3), half_root*(m(2, 3) + m(3, 2)), &
         half_root*(m(1, 3) + m(3, 1)), half_root*(m(1, 2) + m(2, 1))]
  end function mandel

  pure function matrix_of(v) result(m)
    real(8), intent(in) :: v(6)
    real(8) :: m(3, 3)
    m(1, 1) = v(1)
    m(2, 2) = v(2)
    m(3, 3) = v(3)
    m(2, 3) = half_root*v(4)
    m(1, 3) = half_root*v(5)
    m(1, 2) = half_root*v(6)
    m(3, 2) = m(2, 3)
    m(3, 1) = m(1, 3)
    m(2, 1) = m(1, 2)
  end function matrix_of

  pure function metric(f) result(v)  ! F^T F as Mandel vector
    real(8), intent(in) :: f(3, 3)
    real(8) :: v(6), twice
    twice = 2.0d0*half_root
    v(1) = f(1, 1)*f(1, 1) + f(2, 1)*f(2, 1) + f(3, 1)*f(3, 1)
    v(2) = f(1, 2)*f(1, 2) + f(2, 2)*f(2, 2) + f(3, 2)*f(3, 2)
    v(3) = f(1, 3)*f(1, 3) + f(2, 3)*f(2, 3) + f(3, 3)*f(3, 3)
    v(4) = twice*(f(1, 2)*f(1, 3) + f(2, 2)*f(2, 3) + f(3, 2)*f(3, 3))
    v(5) = twice*(f(1, 1)*f(1, 3) + f(2, 1)*f(2, 3) + f(3, 1)*f(3, 3))
    v(6) = twice*(f(1, 1)*f(1, 2) + f(2, 1)*f(2, 2) + f(3, 1)*f(3, 2))
  end function metric

  pure subroutine resolve(ph, stress, tau)
    integer, intent(in) :: ph
    real(8), intent(in) :: stress(6)
    real(8), intent(out) :: tau(ns)
    tau = stress(1)*schmid_mandel(:, 1, ph) + stress(2)*schmid_mandel(:, 2, ph) &
          + stress(3)*schmid_mandel(:, 3, ph) + stress(4)*schmid_mandel(:, 4, ph) &
          + stress(5)*schmid_mandel(:, 5, ph) + stress(6)*schmid_mandel(:, 6, ph)
  end subroutine resolve

  pure subroutine plastic_increment(ph, w)  ! interim = 1 - sum of slip times Schmid tensors
    integer, intent(in) :: ph
    type(crystal_work), intent(inout) :: w
    integer :: a
    w%interim = 0.0d0
    w%interim(1, 1) = 1.0d0
    w%interim(2, 2) = 1.0d0
    w%interim(3, 3) = 1.0d0
    do a = 1, ns
      w%interim = w%interim - w%slip(a)*schmid(:, :, a, ph)
    end do
  end subroutine plastic_increment

  pure subroutine evaluate(ph, start, dt, stress, z, coupled, w, norm)
    integer, intent(in) :: ph
    real(8), intent(in) :: start(nz), dt, stress(6), z(nz)
    logical, intent(in) :: coupled
    type(crystal_work), intent(inout) :: w
    real(8), intent(out) :: norm
    real(8) :: worst
    integer :: m
    call resolve(ph, stress, w%tau)
    call evaluate_law(ph, start, dt, w%tau, z, w%law, w%slip, w%softening, w%rest, worst)
    call plastic_increment(ph, w)
    w%elastic = product3(w%trial, w%interim)
    w%residual = -0.5d0*metric(w%elastic)
    w%residual(1:3) = w%residual(1:3) + 0.5d0
    do m = 1, 6
      w%residual = w%residual + compliance(:, m, ph)*stress(m)
    end do
    norm = 0.0d0
    do m = 1, 6
      norm = max(norm, abs(w%residual(m)))
      if (w%residual(m) /= w%residual(m)) norm = infinite
    end do
    if (coupled) norm = max(norm, 1.0d-3*worst)
    if (coupled .and. worst /= worst) norm = infinite
  end subroutine evaluate

  pure subroutine factorise(matrix)
    real(8), intent(inout) :: matrix(8, 6)
    integer :: i, k
    do k = 1, 6
      do i = k + 1, 6
        matrix(k, i) = matrix(k, i)/matrix(k, k)
        matrix(k + 1:6, i) = matrix(k + 1:6, i) - matrix(k, i)*matrix(k + 1:6, k)
      end do
    end do
  end subroutine factorise

  pure subroutine eliminate(matrix, count, solution)
    real(8), intent(inout) :: matrix(ns + 8, ns)
    integer, intent(in) :: count
    real(8), intent(inout) :: solution(8, ns)
    integer :: i, k
    real(8) :: pivot, ratio
    do k = 1, count
      pivot = 1.0d0/matrix(k, k)
      do i = k + 1, count
        ratio = matrix(k, i)*pivot
        matrix(:, i) = matrix(:, i) - ratio*matrix(:, k)
      end do
    end do
    do k = count, 1, -1
      solution(:, k) = matrix(ns + 1:ns + 8, k)/matrix(k, k)
      do i = 1, k - 1
        matrix(ns + 1:ns + 8, i) = matrix(ns + 1:ns + 8, i) - matrix(k, i)*solution(:, k)
      end do
    end do
  end subroutine eliminate

  pure subroutine linearise(ph, z, least, coupled, w, count)
    integer, intent(in) :: ph
    real(8), intent(in) :: z(nz), least
    logical, intent(in) :: coupled
    type(crystal_work), intent(inout) :: w
    integer, intent(out) :: count
    integer :: a, m, row
    real(8) :: largest, sense, direction(6)
    largest = maxval(abs(w%slip))
    count = 0
    do a = 1, ns
      if (abs(w%slip(a)) > least*largest) then
        count = count + 1
        w%active(count) = a
      end if
    end do
    w%jacobian(1:6, :) = compliance(:, :, ph)  ! symmetric
    w%jacobian(7:8, :) = 0.0d0
    if (count == 0) then
      call factorise(w%jacobian)
      return
    end if
    w%pull = product3(transpose(w%elastic), w%trial)
    if (coupled) then
      call condense_law(ph, z, count, w%active, w%slip, w%softening, w%rest, w%law, w%system, &
                        w%constant)
    else
      do row = 1, count
        w%system(1:count, row) = 0.0d0
        w%system(row, row) = 1.0d0
        w%constant(row) = 0.0d0
      end do
    end if
    do row = 1, count
      a = w%active(row)
      sense = sign(w%softening(a), w%slip(a))
      w%system(count + 1:ns, row) = 0.0d0
      do m = 1, 6
        w%system(ns + m, row) = sense*schmid_mandel(a, m, ph)
      end do
      w%system(ns + 7, row) = w%constant(row)
      w%system(ns + 8, row) = 0.0d0
    end do
    call eliminate(w%system, count, w%slip_tangent)
    do row = 1, count
      a = w%active(row)
      direction = sign(1.0d0, w%slip(a))*mandel(product3(w%pull, schmid(:, :, a, ph)))
      do m = 1, 6
        w%jacobian(:, m) = w%jacobian(:, m) + direction(m)*w%slip_tangent(:, row)
      end do
    end do
    call factorise(w%jacobian)
  end subroutine linearise

  pure subroutine newton_step(ph, count, z, coupled, w, relative)
    integer, intent(in) :: ph, count
    real(8), intent(in) :: z(nz)
    logical, intent(in) :: coupled
    type(crystal_work), intent(inout) :: w
    real(8), intent(out) :: relative
    integer :: i, k, row
    w%step = -w%residual - w%jacobian(7, :)
    do k = 1, 6
      do i = k + 1, 6
        w%step(i) = w%step(i) - w%jacobian(k, i)*w%step(k)
      end do
    end do
    do k = 6, 1, -1
      w%step(k) = w%step(k)/w%jacobian(k, k)
      do i = 1, k - 1
        w%step(i) = w%step(i) - w%jacobian(k, i)*w%step(k)
      end do
    end do
    call resolve(ph, w%step, w%tau_step)
    do row = 1, count
      w%slip_step(row) = w%slip_tangent(7, row) + dot_product(w%slip_tangent(1:6, row), w%step)
    end do
    if (coupled) then
      call law_step(ph, z, count, w%active, w%slip_step, w%tau, w%tau_step, w%rest, w%law, &
                    w%z_step, relative)
    else
      w%z_step = 0.0d0
      call fill_drive(ph, w%tau_step, z, w%drive)
      call fill_drive(ph, -w%tau_step, z, w%drive_new)
      relative = max(maxval(w%drive), maxval(w%drive_new))
    end if
    if (any(w%step /= w%step) .or. relative /= relative) relative = infinite
  end subroutine newton_step

  pure subroutine limit_drive(ph, dt, w)  ! drive at which a system slips by ten trial strains
    integer, intent(in) :: ph
    real(8), intent(in) :: dt
    type(crystal_work), intent(inout) :: w
    real(8) :: strain(6), largest
    integer :: a
    strain = 0.5d0*metric(w%trial)
    strain(1:3) = strain(1:3) - 0.5d0
    largest = max(1.0d-6, maxval(abs(strain)))
    do a = 1, ns
      w%drive_limit(a) = infinite
      if (rate(a, ph)*dt > 0.0d0) then
        w%drive_limit(a) = (10.0d0*largest/(rate(a, ph)*dt))**(1.0d0/exponents(a, ph))
      end if
    end do
  end subroutine limit_drive

  pure subroutine admissible_share(ph, z, w, share)
    integer, intent(in) :: ph
    real(8), intent(in) :: z(nz)
    type(crystal_work), intent(inout) :: w
    real(8), intent(out) :: share
    integer :: a, s
    share = 1.0d0
    call fill_drive(ph, w%tau, z, w%drive)
    w%tau_step = w%tau_step + w%tau
    do s = 1, nz
      w%z_old(s) = z(s) + w%z_step(s)
      if (state_scale(s, ph) == 0.0d0 .and. w%z_old(s) < 0.5d0*z(s)) then
        share = min(share, -0.5d0*z(s)/w%z_step(s))
        w%z_old(s) = 0.5d0*z(s)
      end if
    end do
    call fill_drive(ph, w%tau_step, w%z_old, w%drive_new)
    do a = 1, ns
      if (w%drive_new(a) > w%drive_limit(a) .and. w%drive_new(a) > w%drive(a)) then
        share = min(share, max(0.05d0, (w%drive_limit(a) - w%drive(a)) &
                               /(w%drive_new(a) - w%drive(a))))
      end if
    end do
  end subroutine admissible_share

  ! Newton for S and z, for S alone if not coupled; used = iterations, or -1 without a solution.
  pure subroutine newton(ph, deformation, plastic_start, start, dt, stress, z, coupled, w, used)
    integer, intent(in) :: ph
    real(8), intent(in) :: deformation(3, 3), plastic_start(3, 3), start(nz), dt
    real(8), intent(inout) :: stress(6), z(nz)
    logical, intent(in) :: coupled
    type(crystal_work), intent(inout) :: w
    integer, intent(out) :: used
    real(8) :: norm, best, share, relative
    logical :: limited
    integer :: a, iteration, halving, count, trial
    used = -1
    w%trial = product3(deformation, plastic_start)
    limited = .false.
    do trial = 1, 2
      call evaluate(ph, start, dt, stress, z, coupled, w, norm)
      if (norm < 1.0d-2 .or. trial == 2) exit
      call limit_drive(ph, dt, w)
      limited = .true.
      call fill_drive(ph, w%tau, z, w%drive)
      share = 1.0d0
      do a = 1, ns
        if (w%drive(a) > w%drive_limit(a)) share = min(share, w%drive_limit(a)/w%drive(a))
      end do
      if (share == 1.0d0) exit
      stress = stress*share
    end do
    if (.not. norm < infinite) return
    do iteration = 1, newton_iterations
      call linearise(ph, z, inactive, coupled, w, count)
      call newton_step(ph, count, z, coupled, w, relative)
      if (.not. relative < infinite) return
      share = 1.0d0
      if (relative > 1.0d-2) then
        if (.not. limited) call limit_drive(ph, dt, w)
        limited = .true.
        call admissible_share(ph, z, w, share)
      end if
      w%stress_old = stress
      w%z_old = z
      best = norm
      do halving = 1, max_halvings
        stress = w%stress_old + share*w%step
        z = w%z_old + share*w%z_step
        call evaluate(ph, start, dt, stress, z, coupled, w, norm)
        if (norm <= best .or. relative < 1.0d-2) exit
        share = 0.5d0*share
      end do
      if (share == 1.0d0 .and. largest_exponent(ph)*relative*relative < 1.0d-11 .and. norm < 1.0d-9) then
        used = iteration
        return
      end if
    end do
  end subroutine newton

  pure subroutine sweep_state(ph, z, share, w, largest)
    integer, intent(in) :: ph
    real(8), intent(inout) :: z(nz)
    real(8), intent(in) :: share
    type(crystal_work), intent(in) :: w
    real(8), intent(out) :: largest
    real(8) :: change, scale
    integer :: s
    largest = 0.0d0
    do s = 1, nz
      scale = state_scale(s, ph)
      change = -share*w%rest(s)
      if (scale == 0.0d0) then
        scale = z(s)
        change = max(change, -0.5d0*z(s))
      end if
      z(s) = z(s) + change
      largest = max(largest, abs(change)/scale)
    end do
  end subroutine sweep_state

  ! The law at the end of a step. Newton first; then S and z in turns; then continuation from the
  ! stress-free state; then turns with a half and a quarter of each change of state.
  pure subroutine solve_crystal(ph, deformation, plastic_start, start, dt, stress, z, w, solved)
    integer, intent(in) :: ph
    real(8), intent(in) :: deformation(3, 3), plastic_start(3, 3), start(nz), dt
    real(8), intent(inout) :: stress(6), z(nz)
    type(crystal_work), intent(inout) :: w
    logical, intent(out) :: solved
    real(8) :: reached, stride, share, goal, change
    integer :: strategy, sweeps, attempt, used
    logical :: sweeping
    solved = .false.
    reached = 0.0d0
    stride = 1.0d0
    share = 1.0d0
    strategy = direct
    sweeps = 0
    sweeping = .false.
    do attempt = 1, max_attempts
      goal = min(1.0d0, reached + stride)
      w%way = deformation
      if (goal < 1.0d0) w%way = w%way + (1.0d0 - goal)*(w%relaxed - deformation)
      call newton(ph, w%way, plastic_start, start, dt, stress, z, .not. sweeping, w, used)
      if (used > 0 .and. sweeping) then
        sweeps = sweeps + 1
        call sweep_state(ph, z, share, w, change)
        sweeping = change >= 1.0d-6 .and. sweeps < max_sweeps
        cycle
      end if
      if (used > 0) then
        if (goal == 1.0d0) then
          solved = .true.
          return
        end if
        reached = goal
        stride = 1.5d0*stride
        w%stress_kept = stress
        w%z_kept = z
        cycle
      end if
      stride = 0.25d0*stride
      if (strategy /= continuation .or. stride < 1.0d-5) then
        strategy = strategy + 1
        if (strategy > quarter_sweeps) return
        if (strategy >= half_sweeps) share = 0.5d0*share
        sweeping = strategy /= continuation
        sweeps = 0
        reached = 0.0d0
        stride = 0.125d0
        if (sweeping) stride = 1.0d0
        w%relaxed = inverse(plastic_start)
        w%stress_kept = 0.0d0
        w%z_kept = start
      end if
      stress = w%stress_kept
      z = w%z_kept
    end do
  end subroutine solve_crystal

  ! P = F_e S F_p^-T and F_p^-1 of the solution.
  pure subroutine crystal_stress(ph, plastic_start, stress, w, piola)
    integer, intent(in) :: ph
    real(8), intent(in) :: plastic_start(3, 3), stress(6)
    type(crystal_work), intent(inout) :: w
    real(8), intent(out) :: piola(3, 3)
    call plastic_increment(ph, w)
    w%plastic_inverse = product3(plastic_start, w%interim)
    piola = product3(product3(w%elastic, matrix_of(stress)), transpose(w%plastic_inverse))
  end subroutine crystal_stress

  ! dP/dF and dS/dF; index 3 (i - 1) + j stands for the component ij, first index of the array: F.
  pure subroutine crystal_tangent(ph, plastic_start, stress, z, least, w, tangent, stress_gradient)
    integer, intent(in) :: ph
    real(8), intent(in) :: plastic_start(3, 3), stress(6), z(nz), least
    type(crystal_work), intent(inout) :: w
    real(8), intent(out) :: tangent(9, 9), stress_gradient(9, 6)
    real(8) :: carried(3, 3), pulled(3, 3), change(3, 3), geometric(3, 3), sense
    integer :: count, row, a, c, i, j, k, m, r
    call linearise(ph, z, least, .true., w, count)
    do j = 1, 3
      do i = 1, 3
        c = 3*(i - 1) + j
        do m = 1, 3
          w%gradient(c, m) = w%elastic(i, m)*w%plastic_inverse(j, m)
        end do
        w%gradient(c, 4) = half_root*(w%elastic(i, 2)*w%plastic_inverse(j, 3) &
                                      + w%elastic(i, 3)*w%plastic_inverse(j, 2))
        w%gradient(c, 5) = half_root*(w%elastic(i, 1)*w%plastic_inverse(j, 3) &
                                      + w%elastic(i, 3)*w%plastic_inverse(j, 1))
        w%gradient(c, 6) = half_root*(w%elastic(i, 1)*w%plastic_inverse(j, 2) &
                                      + w%elastic(i, 2)*w%plastic_inverse(j, 1))
      end do
    end do
    w%push = transpose(w%gradient)
    stress_gradient = w%gradient
    do k = 1, 6
      do i = k + 1, 6
        stress_gradient(:, i) = stress_gradient(:, i) - w%jacobian(k, i)*stress_gradient(:, k)
      end do
    end do
    do k = 6, 1, -1
      stress_gradient(:, k) = stress_gradient(:, k)/w%jacobian(k, k)
      do i = 1, k - 1
        stress_gradient(:, i) = stress_gradient(:, i) - w%jacobian(k, i)*stress_gradient(:, k)
      end do
    end do
    w%interim = matrix_of(stress)
    carried = product3(w%elastic, w%interim)
    pulled = product3(w%interim, transpose(w%plastic_inverse))
    do row = 1, count
      a = w%active(row)
      sense = sign(1.0d0, w%slip(a))
      change = sense*(product3(w%trial, product3(schmid(:, :, a, ph), pulled)) &
                      + product3(product3(carried, transpose(schmid(:, :, a, ph))), &
                                 transpose(plastic_start)))
      do i = 1, 3
        do j = 1, 3
          r = 3*(i - 1) + j
          w%push(:, r) = w%push(:, r) - change(i, j)*w%slip_tangent(1:6, row)
        end do
      end do
    end do
    do r = 1, 9
      tangent(:, r) = 0.0d0
      do m = 1, 6
        tangent(:, r) = tangent(:, r) + w%push(m, r)*stress_gradient(:, m)
      end do
    end do
    geometric = product3(w%plastic_inverse, pulled)
    do i = 1, 3
      do k = 1, 3
        do j = 1, 3
          c = 3*(i - 1) + j
          r = 3*(i - 1) + k
          tangent(c, r) = tangent(c, r) + geometric(j, k)
        end do
      end do
    end do
  end subroutine crystal_tangent

end module umat_crystal
