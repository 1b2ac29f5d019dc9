! One crystal: F = F_e F_p, S = C : E_e, backward Euler in slip and state.
! Symmetric tensors are Mandel vectors in the order 11, 22, 33, 23, 13, 12, crystal axes.
! Matrices of Newton's method are stored by rows: the first index is the column.

module umat_crystal
  use umat_matrices
  use umat_law
  implicit none
  real(8), parameter :: infinite = huge(1.0d0)
  real(8), parameter :: inactive = 1.0d-7   ! share of the largest slip below which systems are
  real(8), parameter :: exact = 1.0d-14     ! left out of Newton's matrix, and of tangents

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

end module umat_crystal
